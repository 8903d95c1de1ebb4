import fc from 'fast-check';
import { PARTITIONS } from '../support/testbed.ts';
import type { Input } from './reference.ts';

/** Where generated inputs come from; give it as HEADWATER_SEED to have them again. */
export const SEED = Number(process.env.HEADWATER_SEED ?? Math.floor(Math.random() * 2 ** 31));
const START = Date.UTC(2025, 0, 6, 12);
/** One generated input begins so long after the one before that nothing of it is open any more. */
const APART_MS = 2 * 3_600_000;
const WEEK = 7 * 86_400_000;

/** Records behind the latest one: never by more than `bound`, or by anything. */
const behindOf = (bound: number) => ({
  tame: fc.oneof(fc.constantFrom(0, 0, 0, 1_000, Math.min(bound, 5_000), bound), fc.integer({ min: 0, max: bound })),
  wild: fc.oneof(
    fc.constantFrom(0, 0, 0, 0, 1_000, bound, 2 * bound, WEEK),
    fc.integer({ min: 0, max: bound }),
    fc.integer({ min: 0, max: 4 * bound }),
  ),
});

const oneOf = (behind: fc.Arbitrary<number>) =>
  fc.record({
    after: fc.oneof(fc.constantFrom(0, 0, 1_000, 2_000, 4_000, 5_000), fc.integer({ min: 0, max: 6_000 })),
    behind,
    key: fc.nat(3),
    right: fc.boolean(),
    /** Sent again: the record so many before. */
    again: fc.constantFrom(0, 0, 0, 0, 0, 0, 1, 3, 9),
    v: fc.oneof(
      fc.integer({ min: -9_999, max: 9_999 }).map((n) => n / 100),
      fc.constantFrom(-1, 0, 1),
    ),
  });

/** The records of one generated input: some keys, in partitions of which some stay idle. */
const inputOf = (bound: number) => {
  const { tame, wild } = behindOf(bound);
  const list = (behind: fc.Arbitrary<number>) => fc.array(oneOf(behind), { minLength: 1, maxLength: 100, size: 'max' });
  return fc
    .record({ keys: fc.integer({ min: 1, max: 4 }), shift: fc.nat(PARTITIONS - 1), isTame: fc.boolean() })
    .chain((of) => list(of.isTame ? tame : wild).map((records) => ({ ...of, records })));
};

/**
 * Generated inputs, one after the other in time: out of order within `bound` ms and beyond it, late, repeated, with ties, keys of their own and idle
 * partitions.
 */
export function generated(count: number, bound: number, sides: 1 | 2): Input[] {
  const all: Input[] = [];
  const cases = fc.sample(inputOf(bound), { numRuns: count, seed: SEED });
  for (const [number, { keys, shift, isTame, records }] of cases.entries()) {
    let now = START + number * APART_MS;
    const mine: Omit<Input, 'id'>[] = [];
    for (const { after, behind, again, right, v, ...of } of records) {
      now += after;
      const key = of.key % keys;
      const fresh = {
        side: sides === 2 && right ? ('right' as const) : ('left' as const),
        partition: (shift + key) % PARTITIONS,
        key: `${number}-${key}`,
        ts: now - behind,
        v,
      };
      const before = again > 0 ? mine.at(-again) : undefined;
      const isTooOld = isTame && before !== undefined && now - before.ts > bound;
      mine.push(before === undefined || isTooOld ? fresh : before);
    }
    for (const input of mine) all.push({ ...input, id: all.length });
  }
  return all;
}

/** The inputs of each partition, in the order in which they come. */
export function byPartition(inputs: readonly Input[]): Map<number, Input[]> {
  return Map.groupBy(inputs, ({ partition }) => partition);
}
