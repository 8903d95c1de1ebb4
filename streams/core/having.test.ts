import { expect, test } from 'vitest';
import { TOPICS } from '../../contract/index.ts';
import { Bench } from '../testing/index.ts';
import { compile, count, field, from, gt, job, lt, mean } from './index.ts';
import type { WindowsTo } from './plan.ts';

const T = Date.UTC(2026, 10, 2, 12);

interface Row {
  readonly windowStart: number;
  readonly revision: number;
  readonly count: number;
  readonly mean: number;
  readonly early?: boolean;
  readonly mergedInto?: number | null;
}

function setUp(more: Partial<WindowsTo>) {
  const plan = from(TOPICS.webRequests, { trusted: true }).windows({
    by: { client: field('client') },
    sizes: [{ ms: 10_000, to: TOPICS.webRequests10s }],
    select: { count: count(), mean: mean(field('value')) },
    ...more,
  });
  const bench = new Bench(compile(job('test', plan)));
  const send = (second: number, value = 1) =>
    bench.send('web.requests', { client: 'a', value, ts: T + second * 1_000 }, { key: 'a' });
  const rows = () =>
    bench.take<Row>('web.requests.10s').map((row) => [(row.windowStart - T) / 1_000, row.revision, row.count] as const);
  return { bench, send, rows };
}

test('only windows for which the condition is true are put out', () => {
  const { send, rows } = setUp({ having: gt(field('count'), 2) });
  for (const second of [1, 2, 3, 11, 12, 21, 22, 23, 24, 40]) send(second);
  expect(rows()).toEqual([
    [0, 0, 3],
    [20, 0, 4],
  ]);
});

test('a window that fulfils it only with what came later is put out then, as revision 0', () => {
  const { bench, send, rows } = setUp({ having: gt(field('count'), 2) });
  for (const second of [1, 2, 13]) send(second);
  expect(rows()).toEqual([]);
  bench.restart();
  send(4);
  send(17);
  expect(rows()).toEqual([[0, 0, 3]]);
});

test('what was put out is refined even where it no longer fulfils the condition', () => {
  const { send, rows } = setUp({ having: lt(field('mean'), 5) });
  for (const second of [1, 13]) send(second);
  expect(rows()).toEqual([[0, 0, 1]]);
  send(2, 100);
  send(17);
  expect(rows()).toEqual([[0, 1, 2]]);
});

test('with early results a window comes out as soon as it fulfils the condition', () => {
  const { bench, send } = setUp({ having: gt(field('count'), 2), emit: { earlyEveryMs: 2_000 } });
  for (const second of [1, 2, 3, 4, 5, 13]) send(second);
  expect(bench.take<Row>('web.requests.10s').map(({ revision, count, early }) => [revision, count, early])).toEqual([
    [0, 4, true],
    [1, 5, false],
  ]);
});

test('sessions that nobody was told of are not withdrawn when they become part of another', () => {
  const sizes = [{ gapMs: 5_000, to: TOPICS.webRequests10s }];
  const { send, rows } = setUp({ sizes, having: gt(field('count'), 2) });
  for (const second of [1, 9, 17]) send(second);
  expect(rows()).toEqual([]);
  send(5);
  send(24);
  expect(rows()).toEqual([[1, 0, 3]]);
});
