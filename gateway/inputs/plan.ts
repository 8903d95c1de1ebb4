import type { Input } from './input.ts';

/** An input as the configuration asks for it. */
export interface InputPlan {
  /** Where it stands in the configuration, for people. */
  readonly at: string;
  /** A running input of the same key goes on when the configuration is read again. */
  readonly key: string;
  /** Settings, by their path, that only a restart can change on a running input of this key. */
  readonly fixed: Readonly<Record<string, unknown>>;
  /** Files whose contents it uses. */
  readonly files: readonly string[];
  /** Reads them. @throws HeadwaterError where one cannot be used */
  load(): Promise<LoadedInput>;
}

export interface LoadedInput {
  /** Makes the input, not started yet. */
  open(): Input;
  /** Brings one that runs up to date; absent where its key holds all there is to change, and its files are read once. */
  renew?(running: Input): void;
  /** When its own certificates, and the authorities that it trusts, expire, ms since the epoch. */
  readonly certificates?: readonly { readonly name: string; readonly expiresAt: number }[];
}

/** A key that any change of a section changes, but for how its messages are read: that is the decoder's business, not the input's. */
export function sectionKey(kind: string, section: object): string {
  return `${kind} ${JSON.stringify(section, (name, value) => (name === 'formats' || name === 'transform' ? undefined : value))}`;
}
