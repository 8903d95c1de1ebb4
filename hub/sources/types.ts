export interface SourceStatus {
  readonly name: string;
  readonly state: 'waiting' | 'ok' | 'failed';
  /** What it waits for or fails on. */
  readonly detail: string;
  /** Since this process started. */
  readonly records: number;
  readonly deadLetters: number;
  /** How often it failed and began again. */
  readonly failures: number;
}

/** A running source. It does not give up: what fails is tried again from the last committed place. */
export interface Source {
  status(): SourceStatus;
  /** What it has yet to carry, where that can be told in bytes. Never rejects. */
  lagBytes?(): Promise<number | undefined>;
  close(): Promise<void>;
}

/** The part of a pino logger that sources use. */
export interface SourceLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}
