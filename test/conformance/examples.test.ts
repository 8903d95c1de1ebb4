/** Runs the examples of docs/reference/conformance.md through both engines. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestBed, PARTITIONS, type TestBed } from '../support/testbed.ts';
import { inLives, lateId, stepOf } from './engine.ts';
import { inItsOrder } from './join-model.ts';
import { createTopics, endsOf, fill, hasJdk, type Input, isEnd, kafkaStreams, type Topology } from './reference.ts';

const SECOND = 1_000;
const T = Date.UTC(2025, 0, 6, 12);
const APART_MS = 7_200_000;

interface Example {
  readonly declared: string;
  readonly topology: Topology;
  readonly lines: readonly string[];
}
/** A row of either engine, of a window or a join. */
type Row = {
  readonly key?: string;
  readonly left?: Input | null;
  readonly right?: Input | null;
  readonly count?: number;
  readonly start?: number;
  readonly end?: number;
  readonly windowStart?: number;
  readonly windowEnd?: number;
  readonly revision?: number;
  readonly mergedInto?: number | null;
};

const text = readFileSync(new URL('../../docs/reference/conformance.md', import.meta.url), 'utf8');
const examples = [...text.matchAll(/```example (\S+) (.*?)\n(.*?)```/gs)].map(([, kind, times, lines]): Example => {
  const options = times!.split(' ').map((one) => one.split('='));
  const ms = Object.fromEntries(options.map(([name, seconds]) => [name, Number(seconds) * SECOND]));
  return {
    declared: `${kind} ${times}`,
    topology: { topology: kind, ...ms } as Topology,
    lines: lines!.trim().split('\n'),
  };
});

/** The records of an example: in a partition and a time of its own. */
function inputsOf({ lines }: Example, number: number): Input[] {
  const base = baseOf(number);
  return lines
    .filter((line) => line.startsWith('<'))
    .map((line, n) => {
      const [, second, side = 'left'] = line.split(' ');
      const ts = base + Number(second) * SECOND;
      return {
        id: number * 100 + n,
        side: side as 'left',
        partition: number % PARTITIONS,
        key: `e${number}`,
        ts,
        v: 1,
      };
    });
}

const baseOf = (number: number) => T + Math.floor(number / PARTITIONS) * APART_MS;

function told(row: Row, at: (ts: number) => string): string {
  if (row.count === undefined) return `${row.left ? at(row.left.ts) : '-'}+${row.right ? at(row.right.ts) : '-'}`;
  return `${at(row.windowStart ?? row.start!)}-${at(row.windowEnd ?? row.end!)} count ${row.count}`;
}

const keyOf = ({ key, left, right }: Row) => key ?? (left ?? right)!.key;

function finals(rows: readonly Row[]): Row[] {
  const last = new Map(rows.map((row, n) => [row.count === undefined ? n : `${keyOf(row)} ${row.windowStart}`, row]));
  return [...last.values()].filter(({ mergedInto }) => typeof mergedInto !== 'number');
}

const groups = [...Map.groupBy(examples, ({ declared }) => declared)];

describe.skipIf(!hasJdk)('examples of docs/reference/conformance.md (needs a JDK)', () => {
  let bed: TestBed;
  beforeAll(async () => {
    bed = await openTestBed();
  });
  afterAll(() => bed?.close());

  test.each(groups)('%s: both engines give what the example says', async (_, group) => {
    const { topology } = group[0]!;
    const inputs = group.flatMap(inputsOf);
    const isJoin = 'within' in topology;
    const sides = isJoin ? (['left', 'right'] as const) : (['left'] as const);
    const all = [...inputs, ...endsOf(inputs, sides)];
    const topics = await createTopics(bed);
    await fill(bed, topics, all);
    const theirs = (await kafkaStreams(bed, topology, topics)) as unknown as Row[];
    const ours = inLives<Row>(stepOf(topology, topics), topics, isJoin ? inItsOrder(all) : all);
    const ourRows = finals(ours.rows).filter((row) => !isEnd({ key: keyOf(row) }));
    for (const [number, { lines }] of group.entries()) {
      const at = (ts: number) => String((ts - baseOf(number)) / SECOND);
      const mine = (rows: readonly Row[]) =>
        rows.filter((row) => keyOf(row) === `e${number}`).map((row) => told(row, at));
      const late = ours.late
        .filter((one) => Math.floor(lateId(one) / 100) === number)
        .sort((a, b) => a.ts - b.ts)
        .map(({ ts }) => `late ${at(ts)}`);
      const list = (names: readonly string[]) =>
        names.toSorted((a, b) => Number.parseFloat(a) - Number.parseFloat(b)).join(', ');
      expect([`ours: ${[list(mine(ourRows)), ...late].join(', ')}`, `kafka streams: ${list(mine(theirs))}`]).toEqual(
        lines.filter((line) => !line.startsWith('<')),
      );
    }
  });
});
