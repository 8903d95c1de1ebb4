/** Windows of our engine and of Kafka Streams over the same records, row by row; docs/reference/conformance.md says where and why they differ. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestBed, PARTITIONS, type TestBed } from '../support/testbed.ts';
import { inLives, inRuntime, lateId, type Outcome, stepOf, stepsOf } from './engine.ts';
import { generated, SEED } from './inputs.ts';
import { behindOf } from './join-model.ts';
import {
  createTopics,
  END,
  endsOf,
  fill,
  hasJdk,
  type Input,
  isEnd,
  kafkaStreams,
  kafkaStreamsUpdates,
  type WindowRow,
} from './reference.ts';
import { type Members, membersInKafkaStreams, membersOf, rowOf, type Windowed } from './window-model.ts';

const CASES = 150;
const DAY = 86_400_000;
/** Keys of the records that push time on after a change of key. */
const ENDS = 32;
const TOPOLOGIES: readonly Windowed[] = [
  { topology: 'tumbling', size: 10_000, grace: 20_000 },
  { topology: 'hopping', size: 12_000, advance: 4_000, grace: 20_000 },
  { topology: 'session', gap: 4_000, grace: 15_000 },
];

interface OurRow extends Omit<WindowRow, 'start' | 'end'> {
  readonly windowStart: number;
  readonly windowEnd: number;
  readonly revision: number;
  readonly early?: boolean;
  readonly mergedInto?: number | null;
}

/** A row of ours as one of Kafka Streams. */
function asTheirs(topology: Windowed, row: OurRow): WindowRow {
  const { windowStart: start, windowEnd, revision, early, mergedInto, ...rest } = row;
  const { series, ...columns } = rest as typeof rest & { series?: string };
  return { ...columns, start, end: topology.topology === 'session' ? windowEnd - topology.gap : windowEnd };
}

/** The last revision of each window, without sessions that have become part of others. */
function finalsOf(topology: Windowed, rows: readonly OurRow[]): WindowRow[] {
  const finals: WindowRow[] = [];
  for (const of of Map.groupBy(rows, ({ key, windowStart }) => `${key} ${windowStart}`).values()) {
    expect(of.map(({ revision }) => revision)).toEqual(of.map((_, n) => n));
    const row = of.at(-1)!;
    if (!isEnd(row) && typeof row.mergedInto !== 'number') finals.push(asTheirs(topology, row));
  }
  return finals;
}

const inAnotherOrder = (of: number) => 1e-9 * Math.max(1, Math.abs(of));
const within1Percent = (of: number) => 0.010_001 * Math.abs(of);
/** How far a column may be from the other engine's; all others are equal. */
const TOLERANCES: Readonly<Record<string, (of: number) => number>> = {
  ...{ sum: inAnotherOrder, mean: inAnotherOrder, variance: inAnotherOrder },
  ...{ p50: within1Percent, p90: within1Percent },
  // Of at most a hundred values.
  different: () => 3,
};

function expectSame(row: WindowRow, other: WindowRow, about: string): void {
  if (Object.keys(row).length !== Object.keys(other).length) expect(row, about).toEqual(other);
  for (const [name, value] of Object.entries(other)) {
    const mine = row[name as keyof WindowRow];
    const tolerance = TOLERANCES[name]?.(value);
    const isSame =
      tolerance === undefined
        ? mine === value || JSON.stringify(mine) === JSON.stringify(value)
        : Math.abs((mine as number) - value) <= tolerance;
    // There are tens of thousands of rows: asking `expect` of each column took most of the run.
    if (!isSame) expect(mine, `${name} of ${about}`).toEqual(value);
  }
}

const byName = (a: { key: string; start: number; end: number }, b: typeof a) =>
  a.key < b.key ? -1 : a.key > b.key ? 1 : a.start - b.start || a.end - b.end;

/** That an engine has put out these windows, and in each of them these records. */
function expectRows(
  engine: string,
  rows: readonly WindowRow[],
  members: readonly Members[],
  only = (expected: readonly WindowRow[]) => expected,
): void {
  const names = (of: readonly { key: string; start: number; end: number }[]) =>
    of.toSorted(byName).map(({ key, start, end }) => `${key} ${start} ${end}`);
  expect(names(rows), `windows of ${engine}, seed ${SEED}`).toEqual(names(members));
  const sorted = rows.toSorted(byName);
  for (const [n, row] of only(members.toSorted(byName).map(rowOf)).entries())
    expectSame(sorted[n]!, row, `${row.key} ${row.start} of ${engine}, seed ${SEED}`);
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
    if (topology.topology !== 'session' && (row.sum !== other[n]!.sum || row.variance !== other[n]!.variance))
      expect([row.sum, row.variance]).toEqual([other[n]!.sum, other[n]!.variance]);
  }
  // Where nothing of a series came later than the grace allows, nothing differs.
  const beyond = new Set<string>();
  for (const [input, ms] of behindOf(inputs)) if (ms > topology.grace) beyond.add(input.key);
  const within = [...ourMembers, ...theirMembers].filter(({ key }) => !beyond.has(key));
  expect(within.filter((window) => !same.has(nameOf(window)))).toEqual([]);

  const isSame = (window: Members) => same.has(nameOf(window));
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
    sameWindows: ourMembers.filter(isSame),
  };
}

/** That every row ours has put out of these windows, early or refined, is what Kafka Streams had at that record, and every withdrawal one of its own. */
function compareRevisions(
  topology: Windowed,
  windows: readonly Members[],
  rows: readonly OurRow[],
  updates: readonly WindowRow[],
) {
  const byKey = Map.groupBy(windows, ({ key }) => key);
  const at = ({ key, start, end, count }: WindowRow) => `${key} ${start} ${end} ${count}`;
  const known = new Map(updates.map((row) => [at(row), row]));
  const counts = { equal: 0, early: 0, refined: 0, withdrawn: 0 };
  for (const one of rows) {
    const row = asTheirs(topology, one);
    // A session may have begun later, and ended earlier, than in the end.
    if (!byKey.get(row.key)?.some(({ start, end }) => start <= row.start && row.end <= end)) continue;
    const other = known.get(at(row));
    if (other === undefined) throw new Error(`Kafka Streams never had ${at(row)}, seed ${SEED}`);
    if (row.count === 0) counts.withdrawn++;
    else expectSame(row, other, `${at(row)}, seed ${SEED}`);
    counts.equal++;
    if (one.early) counts.early++;
    else if (one.revision > 0) counts.refined++;
  }
  return counts;
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
      const overKafka = await inRuntime<OurRow>(bed, [step], topics, [
        () => fill(bed, topics, all.slice(0, half)),
        () => fill(bed, topics, all.slice(half)),
      ]);
      const theirs = await kafkaStreams<WindowRow>(bed, topology, topics);

      const { sameWindows, ...counts } = compare(topology, inputs, overKafka, theirs);
      console.log(`${topology.topology}, seed ${SEED}: ${JSON.stringify(counts)}`);
      for (const everyDeath of [Infinity, 7])
        expect(compare(topology, inputs, inLives(step, topics, all, everyDeath), theirs)).toMatchObject(counts);
      // What the inputs are to bring about, or the test shows nothing.
      expect(counts.within).toBeGreaterThan(200);
      expect(counts.lateInOurs).toBeGreaterThan(100);

      const updates = await kafkaStreamsUpdates(bed, topics);
      const refined = compareRevisions(topology, sameWindows, overKafka.rows, updates);
      const lives = inLives<OurRow>(stepOf(topology, topics, 1_000), topics, all, 7);
      compare(topology, inputs, lives, theirs);
      const early = compareRevisions(topology, sameWindows, lives.rows, updates);
      console.log(`revisions, ${topology.topology}, seed ${SEED}: ${JSON.stringify({ refined, early })}`);
      expect(refined.refined).toBeGreaterThan(50);
      expect(early.early).toBeGreaterThan(200);
      if (topology.topology === 'session') expect(refined.withdrawn).toBeGreaterThan(5);
    },
  );

  test('windows after a change of key hold the same, whichever partition their records came by', async () => {
    const topology = { topology: 'rekeyed', size: 10_000, grace: 30 * DAY } as const;
    const inputs = generated(CASES, 20_000, 1);
    // So many keys that each partition of the repartition topic has one of them.
    const ends = [1, 2].map((round) =>
      Array.from({ length: ENDS }, (_, n): Input => {
        const ts = inputs.at(-1)!.ts + round * 40 * DAY;
        return { id: -1, side: 'left', partition: n % PARTITIONS, key: `${END}-${n}`, ts, v: 0 };
      }),
    );
    const [mine, other] = [await createTopics(bed), await createTopics(bed)];
    const half = inputs.length >> 1;
    const portions = [inputs.slice(0, half), [...inputs.slice(half), ...ends.flat()]];
    const feeds = portions.map((portion) => () => fill(bed, mine, portion));
    const ours = await inRuntime<OurRow>(bed, stepsOf(topology, mine), mine, feeds, ENDS);
    // One of its tasks may be far ahead of another, and what pushes time on would make late what that one sends after it.
    const theirs = await kafkaStreams<WindowRow>(bed, topology, other, [inputs, ...ends]);

    // Of records of one time the partitions' order decides which is the first: that is not the same from run to run.
    const anyOrder = (rows: readonly WindowRow[]) => rows.map((row) => ({ ...row, first: 0, last: 0 }));
    const members = membersOf(topology, inputs, () => false);
    expect(ours.late).toEqual([]);
    expectRows('ours', anyOrder(finalsOf(topology, ours.rows)), members, anyOrder);
    expectRows('Kafka Streams', anyOrder(theirs), members, anyOrder);
    console.log(`rekeyed, seed ${SEED}: ${JSON.stringify({ records: inputs.length, equal: members.length })}`);
    expect(new Set(members.map(({ key }) => key)).size).toBe(5);
  });
});
