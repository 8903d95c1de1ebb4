/** Joins of two streams in our engine and in Kafka Streams, row by row; docs/reference/conformance.md says where and why they differ. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestBed, type TestBed } from '../support/testbed.ts';
import { inLives, inRuntime, lateId, type Outcome, stepOf } from './engine.ts';
import { generated, SEED } from './inputs.ts';
import { behindOf, inItsOrder, type JoinKind, joinOf, nameOf, partnersOf } from './join-model.ts';
import { createTopics, endsOf, fill, hasJdk, type Input, type JoinRow, kafkaStreams } from './reference.ts';

const CASES = 150;
const WITHIN = 5_000;
/** How much later the right record may be: as much as earlier, or more. */
const AFTER = { inner: 8_000, left: WITHIN, outer: 8_000 } as const;
const GRACE = 10_000;

type OurRow = Pick<JoinRow, 'left' | 'right'>;

const namesOf = (rows: readonly OurRow[]): string[] =>
  rows
    .filter(({ left, right }) => (left ?? right)!.id >= 0)
    .map(({ left, right }) => nameOf(left, right))
    .sort();

/** Records in rows that are not as they came in. */
const altered = (rows: readonly OurRow[], inputs: readonly Input[]) =>
  rows
    .flatMap(({ left, right }) => [left, right])
    .filter((record) => record !== null && record.id >= 0)
    .filter((record) => inputs[record!.id]!.ts !== record!.ts || inputs[record!.id]!.v !== record!.v);

function compare(kind: JoinKind, inputs: readonly Input[], ours: Outcome<OurRow>, theirs: readonly JoinRow[]) {
  expect([altered(ours.rows, inputs), altered(theirs, inputs)]).toEqual([[], []]);
  const late = new Set(ours.late.map(lateId));
  const ourNames = namesOf(ours.rows);
  // Ours is the join of all that is not late.
  const inTime = inputs.filter(({ id }) => !late.has(id));
  expect(ourNames, `ours, seed ${SEED}`).toEqual(joinOf(kind, inTime, WITHIN, AFTER[kind]));

  const theirNames = namesOf(theirs);
  const [inOurs, inTheirs] = [new Set(ourNames), new Set(theirNames)];
  expect(theirNames, `Kafka Streams gives a row twice, seed ${SEED}`).toEqual([...inTheirs]);
  const behind = behindOf(inputs);
  const partners = partnersOf(inputs, WITHIN, AFTER[kind]);
  const allPairs = new Set(joinOf('inner', inputs, WITHIN, AFTER[kind]));
  let [within, spurious, aloneLate] = [0, 0, 0];
  for (const [record, others] of partners) {
    const isLeft = record.side === 'left';
    const isTame = (ms: number) => [record, ...others].every((one) => behind.get(one)! <= ms);
    for (const other of isLeft ? others : []) {
      const pair = nameOf(record, other);
      if (Math.max(behind.get(record)!, behind.get(other)!) > GRACE) continue;
      within++;
      expect([pair, inOurs.has(pair), inTheirs.has(pair)]).toEqual([pair, true, true]);
    }
    if (kind === 'inner' || (kind === 'left' && !isLeft)) continue;
    const alone = isLeft ? nameOf(record, null) : nameOf(null, record);
    if (isTame(WITHIN)) {
      within++;
      const is = others.length === 0;
      expect([alone, inOurs.has(alone), inTheirs.has(alone)]).toEqual([alone, is, is]);
      continue;
    }
    // Beyond the bound Kafka Streams puts out at once, as alone, what is older than its latest record by more than the reach.
    if (others.length === 0) expect([alone, inTheirs.has(alone)]).toEqual([alone, true]);
    if (others.length === 0 && late.has(record.id)) aloneLate++;
    if (
      inTheirs.has(alone) &&
      others.some((other) => inTheirs.has(isLeft ? nameOf(record, other) : nameOf(other, record)))
    )
      spurious++;
  }
  for (const name of theirNames) if (!name.includes('-')) expect(allPairs.has(name)).toBe(true);
  return {
    records: inputs.length,
    equal: ourNames.filter((name) => inTheirs.has(name)).length,
    onlyOurs: ourNames.filter((name) => !inTheirs.has(name)).length,
    onlyTheirs: theirNames.filter((name) => !inOurs.has(name)).length,
    late: late.size,
    within,
    spurious,
    aloneLate,
  };
}

describe.skipIf(!hasJdk)('joins of our engine and of Kafka Streams (needs a JDK)', () => {
  let bed: TestBed;
  beforeAll(async () => {
    console.log(`HEADWATER_SEED=${SEED}`);
    bed = await openTestBed();
  });
  afterAll(() => bed?.close());

  test.each(['inner', 'left', 'outer'] as const)(
    '%s joins give the same rows, over Kafka and wherever the task dies',
    async (kind) => {
      const topology = { topology: kind, within: WITHIN, after: AFTER[kind], grace: GRACE } as const;
      const inputs = generated(CASES, WITHIN, 2);
      const all = [...inputs, ...endsOf(inputs, ['left', 'right'])];
      const topics = await createTopics(bed);
      const step = stepOf(topology, topics);
      const half = inputs.length >> 1;
      const overKafka = await inRuntime<OurRow>(bed, [step], topics, [
        () => fill(bed, topics, all.slice(0, half)),
        () => fill(bed, topics, all.slice(half)),
      ]);
      const theirs = await kafkaStreams<JoinRow>(bed, topology, topics);

      const counts = compare(kind, inputs, overKafka, theirs);
      console.log(`${kind} join, seed ${SEED}: ${JSON.stringify(counts)}`);
      for (const order of [all, inItsOrder(all)]) {
        const lives = compare(kind, inputs, inLives(step, topics, order), theirs);
        expect(compare(kind, inputs, inLives(step, topics, order, 7), theirs)).toEqual(lives);
      }
      // What the inputs are to bring about, or the test shows nothing.
      expect(counts.within).toBeGreaterThan(500);
      expect(counts.late).toBeGreaterThan(100);
    },
  );
});
