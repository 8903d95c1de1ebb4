/** A stream joined with a table as it was at each record's time, in our engine and in Kafka Streams; see docs/reference/conformance.md. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { collect, openTestBed, PARTITIONS, type TestBed } from '../support/testbed.ts';
import { inLives, inRuntime, type Outcome, stepOf } from './engine.ts';
import { SEED } from './inputs.ts';
import {
  createTopics,
  endsOf,
  fill,
  hasJdk,
  type Input,
  isEnd,
  type JoinRow,
  kafkaStreams,
  type Topics,
} from './reference.ts';

const MINUTE = 60_000;
const TABLE = { topology: 'table', history: 60 * MINUTE, grace: 10 * MINUTE } as const;
/** Kafka Streams refuses records more than an hour ahead. */
const END_MS = 15 * MINUTE;
const ROUNDS = 12;
const KEYS = 5;

interface OurRow {
  readonly id: number;
  readonly key: string;
  readonly row: { readonly id: number } | null;
  readonly rowFromLater?: true;
}

/** Rows of every key, replaced and deleted from time to time; each with the time at which the broker took it. */
async function table(bed: TestBed, topics: Topics): Promise<Input[]> {
  const row = fc.record({ is: fc.boolean(), v: fc.option(fc.integer(), { freq: 4 }) });
  const rounds = fc.sample(fc.array(row, { minLength: PARTITIONS * KEYS, maxLength: PARTITIONS * KEYS }), {
    numRuns: ROUNDS,
    seed: SEED,
  });
  const sent: Input[] = [];
  for (const [number, round] of rounds.entries()) {
    const rows = round.flatMap(({ is, v }, n): Input[] => {
      if (!is) return [];
      return [{ id: number * 100 + n, side: 'right', partition: n % PARTITIONS, key: `t${n}`, ts: 0, v }];
    });
    sent.push(...rows);
    await fill(bed, topics, rows);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
  const topic = await collect(bed, topics.right);
  const appended = await topic.toEnd();
  await topic.close();
  return [...Map.groupBy(sent, ({ partition }) => partition)].flatMap(([partition, rows]) => {
    const times = appended.filter((one) => one.partition === partition).sort((a, b) => a.offset - b.offset);
    return rows.map((one, n) => ({ ...one, ts: times[n]!.appendedAt, appendedAt: times[n]!.appendedAt }));
  });
}

/** Records around each of the times at which a row changed, in any order. */
function stream(rows: readonly Input[]): Input[] {
  const times = rows.flatMap(({ key, partition, ts }) =>
    [-10_000, -1, 0, 1, 7, 10_000].map((off) => ({ key, partition, ts: ts + off })),
  );
  const [order] = fc.sample(fc.shuffledSubarray(times, { minLength: times.length }), { numRuns: 1, seed: SEED });
  return order!.map((one, id) => ({ ...one, id, side: 'left' as const, v: id }));
}

/** The row valid at a record's time among these, of those of the same time the last. */
function rowAt(rows: readonly Input[], { key, ts }: Input): number | null {
  const version = rows.filter((row) => row.key === key && row.ts <= ts).at(-1);
  return version === undefined || version.v === null ? null : version.id;
}

/** The row that each record was joined with; none where ours says that it is from a later time. */
function joined({ rows }: Outcome<OurRow>): [record: number, row: number | null][] {
  return rows
    .filter((row) => !isEnd(row))
    .map(({ id, row, rowFromLater }): [number, number | null] => [id, rowFromLater ? null : (row?.id ?? null)])
    .sort(([a], [b]) => a - b);
}

describe.skipIf(!hasJdk)('a table joined by our engine and by Kafka Streams (needs a JDK)', () => {
  let bed: TestBed;
  beforeAll(async () => {
    console.log(`HEADWATER_SEED=${SEED}`);
    bed = await openTestBed();
  });
  afterAll(() => bed?.close());

  test('each record gets the row of its own time, over Kafka and wherever the task dies', async () => {
    const topics = await createTopics(bed);
    const step = stepOf(TABLE, topics);
    const rows = await table(bed, topics);
    const inputs = stream(rows);
    const all = [...inputs, ...endsOf(inputs, ['left'], END_MS)];
    const half = inputs.length >> 1;
    const overKafka = await inRuntime<OurRow>(bed, [step], topics, [
      () => fill(bed, topics, all.slice(0, half)),
      () => fill(bed, topics, all.slice(half)),
    ]);
    const theirs = (await kafkaStreams<JoinRow>(bed, TABLE, topics))
      .map(({ left, right }): [number, number | null] => [left!.id, right?.id ?? null])
      .sort(([a], [b]) => a - b);

    expect(theirs).toEqual(inputs.map((input) => [input.id, rowAt(rows, input)]));
    expect(joined(overKafka), `over Kafka, seed ${SEED}`).toEqual(theirs);
    for (const everyDeath of [Infinity, 7])
      expect(joined(inLives(step, topics, [...rows, ...all], everyDeath)), `seed ${SEED}`).toEqual(theirs);
    const earlier = overKafka.rows.filter(({ rowFromLater }) => rowFromLater).length;
    const none = theirs.filter(([, row]) => row === null).length;
    console.log(`table, seed ${SEED}: ${JSON.stringify({ rows: rows.length, equal: theirs.length, none, earlier })}`);
    expect(none).toBeGreaterThan(50);
    expect(earlier).toBeGreaterThan(20);

    // Kafka Streams waits its grace for rows; with ours a record that overtakes a row gets the one before.
    const isEarly = ({ id }: Input) => id < (ROUNDS / 2) * 100;
    const early = rows.filter(isEarly);
    const after = rows.filter((row) => !isEarly(row));
    const overtaking = joined(inLives(step, topics, [...early, ...all, ...after]));
    const known = inputs.map((input) => [input.id, rowAt(early, input)]);
    const changed = overtaking.filter(([, row], n) => row !== theirs[n]![1]).length;
    expect(overtaking).toEqual(known);
    expect(changed).toBeGreaterThan(50);
  });
});
