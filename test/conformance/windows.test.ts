/** Windows of our engine and of Kafka Streams over the same records, row by row; docs/reference/conformance.md says where and why they differ. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestBed, type TestBed } from '../support/testbed.ts';
import { inLives, inRuntime, lateId, type Outcome, stepOf } from './engine.ts';
import { generated, SEED } from './inputs.ts';
import { behindOf } from './join-model.ts';
import { createTopics, endsOf, fill, hasJdk, type Input, isEnd, kafkaStreams, type WindowRow } from './reference.ts';
import { type Members, membersInKafkaStreams, membersOf, rowOf, type Windowed } from './window-model.ts';

const CASES = 150;
const TOPOLOGIES: readonly Windowed[] = [
  { topology: 'tumbling', size: 10_000, grace: 20_000 },
  { topology: 'hopping', size: 12_000, advance: 4_000, grace: 20_000 },
  { topology: 'session', gap: 4_000, grace: 15_000 },
];

interface OurRow extends Omit<WindowRow, 'start' | 'end'> {
  readonly windowStart: number;
  readonly windowEnd: number;
  readonly revision: number;
  readonly mergedInto?: number | null;
}

/** The last revision of each window, without sessions that have become part of others. */
function finalsOf(topology: Windowed, rows: readonly OurRow[]): WindowRow[] {
  const finals: WindowRow[] = [];
  for (const of of Map.groupBy(rows, ({ key, windowStart }) => `${key} ${windowStart}`).values()) {
    expect(of.map(({ revision }) => revision)).toEqual(of.map((_, n) => n));
    const {
      key,
      windowStart: start,
      windowEnd,
      count,
      sum,
      min,
      max,
      mean,
      variance,
      first,
      last,
      mergedInto,
    } = of.at(-1)!;
    if (isEnd({ key }) || typeof mergedInto === 'number') continue;
    const end = topology.topology === 'session' ? windowEnd - topology.gap : windowEnd;
    finals.push({ key, start, end, count, sum, min, max, mean, variance, first, last });
  }
  return finals;
}

/** Sums in another order differ in their last digits. */
const FLOATING = ['sum', 'mean', 'variance'] as const;
function expectSame(row: WindowRow, other: WindowRow, about: string): void {
  for (const name of FLOATING)
    expect(Math.abs(row[name] - other[name]), `${name} of ${about}`).toBeLessThanOrEqual(
      1e-9 * Math.max(1, Math.abs(other[name])),
    );
  const rest = { sum: 0, mean: 0, variance: 0 };
  expect({ ...row, ...rest }, about).toEqual({ ...other, ...rest });
}

const byName = (a: { key: string; start: number; end: number }, b: typeof a) =>
  a.key < b.key ? -1 : a.key > b.key ? 1 : a.start - b.start || a.end - b.end;

/** That an engine has put out these windows, and in each of them these records. */
function expectRows(engine: string, rows: readonly WindowRow[], members: readonly Members[]): void {
  const names = (of: readonly { key: string; start: number; end: number }[]) =>
    of.toSorted(byName).map(({ key, start, end }) => `${key} ${start} ${end}`);
  expect(names(rows), `windows of ${engine}, seed ${SEED}`).toEqual(names(members));
  const sorted = rows.toSorted(byName);
  for (const [n, window] of members.toSorted(byName).entries())
    expectSame(sorted[n]!, rowOf(window), `${window.key} ${window.start} of ${engine}, seed ${SEED}`);
}

/** Compares the rows of the windows that have the same records in both, and counts them, those that have not, and the records late in either. */
function compare(topology: Windowed, inputs: readonly Input[], ours: Outcome<OurRow>, theirs: readonly WindowRow[]) {
  const late = new Set(ours.late.map((one) => `${lateId(one)} ${one.windowStart}`));
  const ourMembers = membersOf(topology, inputs, (id, start) => late.has(`${id} ${start}`));
  const theirMembers = membersInKafkaStreams(topology, inputs);
  const ourRows = finalsOf(topology, ours.rows);
  expectRows('ours', ourRows, ourMembers);
  expectRows('Kafka Streams', theirs, theirMembers);

  const nameOf = ({ key, start, end, records }: Members) =>
    `${key} ${start} ${end} ${records.map(({ id }) => id).sort()}`;
  const known = new Set(theirMembers.map(nameOf));
  const same = new Set(ourMembers.map(nameOf).filter((name) => known.has(name)));
  const rowsOf = (rows: readonly WindowRow[], members: readonly Members[]) => {
    const sorted = rows.toSorted(byName);
    return members.toSorted(byName).flatMap((window, n) => (same.has(nameOf(window)) ? [sorted[n]!] : []));
  };
  const [mine, other] = [rowsOf(ourRows, ourMembers), rowsOf(theirs, theirMembers)];
  expect(mine.length).toBe(other.length);
  for (const [n, row] of mine.entries()) {
    expectSame(row, other[n]!, `${row.key} ${row.start}, seed ${SEED}`);
    // Where records are added in the same order, to the last digit.
    if (topology.topology !== 'session') expect([row.sum, row.variance]).toEqual([other[n]!.sum, other[n]!.variance]);
  }
  // Where nothing of a series came later than the grace allows, nothing differs.
  const beyond = new Set<string>();
  for (const [input, ms] of behindOf(inputs)) if (ms > topology.grace) beyond.add(input.key);
  const within = [...ourMembers, ...theirMembers].filter(({ key }) => !beyond.has(key));
  expect(within.filter((window) => !same.has(nameOf(window)))).toEqual([]);

  const taken = (members: readonly Members[]) => members.reduce((sum, { records }) => sum + records.length, 0);
  return {
    records: inputs.length,
    equal: mine.length,
    within: within.length / 2,
    onlyOurs: ourMembers.length - mine.length,
    onlyTheirs: theirMembers.length - other.length,
    lateInOurs: late.size,
    takenByOurs: taken(ourMembers),
    takenByTheirs: taken(theirMembers),
  };
}

describe.skipIf(!hasJdk)('windows of our engine and of Kafka Streams (needs a JDK)', () => {
  let bed: TestBed;
  beforeAll(async () => {
    console.log(`HEADWATER_SEED=${SEED}`);
    bed = await openTestBed();
  });
  afterAll(() => bed?.close());

  test.each(TOPOLOGIES)(
    '$topology windows hold the same, row by row, over Kafka and wherever the task dies',
    async (topology) => {
      const inputs = generated(CASES, topology.grace, 1);
      const all = [...inputs, ...endsOf(inputs, ['left'])];
      const topics = await createTopics(bed);
      const step = stepOf(topology, topics);
      const half = inputs.length >> 1;
      const overKafka = await inRuntime<OurRow>(bed, step, topics, [
        () => fill(bed, topics, all.slice(0, half)),
        () => fill(bed, topics, all.slice(half)),
      ]);
      const theirs = await kafkaStreams<WindowRow>(bed, topology, topics);

      const counts = compare(topology, inputs, overKafka, theirs);
      console.log(`${topology.topology}, seed ${SEED}: ${JSON.stringify(counts)}`);
      expect(compare(topology, inputs, inLives(step, topics, all), theirs)).toEqual(counts);
      expect(compare(topology, inputs, inLives(step, topics, all, 7), theirs)).toEqual(counts);
      // What the inputs are to bring about, or the test shows nothing.
      expect(counts.within).toBeGreaterThan(200);
      expect(counts.lateInOurs).toBeGreaterThan(100);
    },
  );
});
