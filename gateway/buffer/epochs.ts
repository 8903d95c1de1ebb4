import { randomBytes } from 'node:crypto';
import { type Evicted, formatIdentity, LANES } from '../../contract/index.ts';
import { KINDS } from './protocol.ts';

type Lanes = [number, number, number];

/**
 * Records stored after `after` (the buffer's own sequence in each lane) belong to this incarnation, and are numbered in it from 1. A buffer has
 * more than one of these while it holds records from before it was replaced: those keep the identity that Kafka may know them by.
 */
export interface Epoch {
  readonly incarnation: string;
  readonly after: Lanes;
}

export function newEpoch(after: Readonly<Lanes> = [0, 0, 0]): Epoch {
  return { incarnation: randomBytes(6).toString('hex'), after: [...after] };
}

export function epochOf(epochs: readonly Epoch[], lane: number, sequence: number): Epoch {
  return epochs.findLast(({ after }) => after[lane]! < sequence) ?? epochs[0]!;
}

/** The last of the buffer's sequences that belongs to the same incarnation as `sequence`; undefined where that is the current one. */
export function endOfEpoch(epochs: readonly Epoch[], lane: number, sequence: number): number | undefined {
  return epochs.find(({ after }) => after[lane]! >= sequence)?.after[lane];
}

/** The epochs that still have records, or will have. */
export function epochsAfter(epochs: readonly Epoch[], released: Readonly<Lanes>): readonly Epoch[] {
  const next = epochs[1];
  if (next?.after.some((last, lane) => last > released[lane]!) ?? true) return epochs;
  return epochsAfter(epochs.slice(1), released);
}

/** What Kafka sees of a record: its identity, and its value, in which an announcement's range is told in the same numbers. */
export function asForwarded(
  epochs: readonly Epoch[],
  lane: number,
  sequence: number,
  kind: number,
  value: string,
): { readonly identity: string; readonly value: string } {
  const { incarnation, after } = epochOf(epochs, lane, sequence);
  const before = after[lane]!;
  const identity = formatIdentity({ incarnation, lane: LANES[lane]!, sequence: sequence - before });
  if (before === 0 || KINDS[kind] !== 'evicted') return { identity, value };
  const { from, to, reason } = JSON.parse(value) as Evicted;
  return { identity, value: JSON.stringify({ from: from - before, to: to - before, reason } satisfies Evicted) };
}
