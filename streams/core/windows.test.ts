import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Late, type ReadingWindow, TOPICS } from '../../contract/index.ts';
import { Bench } from '../testing/index.ts';
import { compile, count, field, from, job, mean, sum } from './index.ts';

const T = Date.UTC(2026, 10, 2, 12);
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

const readings = job(
  'test',
  from(TOPICS.readings, { origin: field('gateway'), trusted: true }).windows({
    by: { gateway: field('gateway'), device: field('device') },
    sizes: [
      { ms: 10 * SECOND, to: TOPICS.readings10s },
      { ms: MINUTE, to: TOPICS.readings1m },
    ],
    select: { count: count(), mean: mean(field('value')) },
    graceMs: MINUTE,
  }),
);

function setUp() {
  const bench = new Bench(compile(readings));
  const send = (
    seconds: number,
    more: { gateway?: string; device?: string; lane?: string; backlog?: boolean; at?: number } = {},
  ) => {
    const { gateway = 'gw-1', device = 'd-1', lane = 'live', backlog = false, at = seconds } = more;
    bench.send(
      'iot.readings',
      { gateway, device, value: 1, ts: T + seconds * SECOND },
      { key: device, headers: { lane, ...(backlog && { backlog: '1' }) }, appendedAt: T + at * SECOND },
    );
  };
  /** Windows of 10 s put out since the last call: second of the start, revision, count. */
  const tens = () =>
    bench
      .take<ReadingWindow>('iot.readings.10s')
      .map((row) => [(row.windowStart - T) / SECOND, row.revision, row.count]);
  return { bench, send, tens };
}

test('a window is put out once records have come past its end and the allowed disorder', () => {
  const { bench, send, tens } = setUp();
  for (const second of [1, 5, 9, 11]) send(second);
  expect(tens()).toEqual([]);
  send(9.5);
  send(12);
  expect(tens()).toEqual([[0, 0, 4]]);
  for (let second = 13; second <= 62; second++) send(second);
  expect(bench.take('iot.readings.1m')).toEqual([
    {
      series: 'gw-1/d-1',
      windowStart: T,
      windowEnd: T + MINUTE,
      revision: 0,
      gateway: 'gw-1',
      device: 'd-1',
      count: 53,
      mean: 1,
    },
  ]);
});

test('what comes within the grace refines the window, in one more result for all of it', () => {
  const { send, tens } = setUp();
  for (const second of [1, 12]) send(second);
  expect(tens()).toEqual([[0, 0, 1]]);
  for (const second of [3, 4, 5]) send(second, { at: 12 });
  expect(tens()).toEqual([]);
  send(14);
  expect(tens()).toEqual([[0, 1, 4]]);
});

test('what comes after its window was forgotten is late, with its bytes', () => {
  const { bench, send, tens } = setUp();
  for (const second of [1, 12, 75]) send(second);
  tens();
  send(3, { at: 75 });
  expect(tens()).toEqual([]);
  const [late, ...others] = bench.take<Late>('late');
  // Its minute goes on to be refined; only its ten seconds are over.
  expect(others).toEqual([]);
  expect(late).toMatchObject({
    topic: 'iot.readings',
    step: 'test',
    series: 'gw-1/d-1',
    ts: T + 3 * SECOND,
    windowStart: T,
    windowEnd: T + 10 * SECOND,
    watermark: T + 73 * SECOND,
  });
  expect(JSON.parse(Buffer.from(late!.bytes, 'base64').toString())).toMatchObject({ device: 'd-1' });
});

test('a backlog after a week is not late: it fills its windows in order, each put out when it is complete', () => {
  const { bench, send, tens } = setUp();
  for (const second of [1, 5]) send(second);
  const week = (7 * DAY) / SECOND;
  // The gateway is back. What it measures now goes first; what it kept comes after.
  send(week + 1, { backlog: true });
  expect(tens()).toEqual([[0, 0, 2]]);
  for (let second = 6; second <= 33; second++) send(second, { lane: 'backlog', at: week + 2 });
  send(week + 13, { backlog: true });
  expect(tens()).toEqual([
    [0, 1, 6],
    [10, 0, 10],
    [20, 0, 10],
    [week, 0, 1],
  ]);
  send(week + 14);
  expect(tens()).toEqual([[30, 0, 4]]);
  expect(bench.take('late')).toEqual([]);
});

test('a complete result is never replaced by a partial one', () => {
  const { bench, send } = setUp();
  for (let second = 0; second < 300; second++) send(second);
  for (let second = 0; second < 300; second += 7) send(second, { lane: 'backlog', at: 300 });
  for (let second = 300; second < 600; second++) send(second);
  const seen = new Map<number, ReadingWindow>();
  for (const row of bench.take<ReadingWindow>('iot.readings.10s')) {
    const before = seen.get(row.windowStart);
    expect(row.revision).toBe(before === undefined ? 0 : before.revision + 1);
    expect(row.count).toBeGreaterThan(before?.count ?? 0);
    seen.set(row.windowStart, row);
  }
  expect(seen.size).toBeGreaterThan(55);
});

test('a silent gateway does not keep its last windows back, nor those of another', () => {
  const { bench, send, tens } = setUp();
  send(1, { gateway: 'gw-1' });
  send(1, { gateway: 'gw-2', device: 'd-5' });
  send(12, { gateway: 'gw-2', device: 'd-5' });
  expect(tens()).toEqual([[0, 0, 1]]);
  for (let second = 12; second <= 20; second++) bench.tick(T + second * SECOND);
  // d-1 of gw-1, then the second window of d-2.
  expect(tens()).toEqual([[0, 0, 1]]);
  for (let second = 20; second <= 30; second++) bench.tick(T + second * SECOND);
  expect(tens()).toEqual([[10, 0, 1]]);
  // What the silent gateway had kept is no less welcome.
  send(2, { at: 30 });
  for (let second = 31; second <= 40; second++) bench.tick(T + second * SECOND);
  expect(tens()).toEqual([[0, 1, 2]]);
});

test('time in which nobody listened is not silence', () => {
  const { bench, send, tens } = setUp();
  send(1);
  bench.tick(T + 2 * SECOND);
  bench.tick(T + 600 * SECOND);
  bench.tick(T + 601 * SECOND);
  expect(tens()).toEqual([]);
});

test('one clock ahead does not close the windows of others', () => {
  const { bench, send, tens } = setUp();
  send(1);
  send(50 * 60, { device: 'd-9', at: 2 });
  // It moves time on by a minute at most.
  expect(tens()).toEqual([[0, 0, 1]]);
  for (const second of [3, 14, 30, 61]) send(second);
  for (let second = 62; second < 70; second++) send(second);
  expect(bench.take('late')).toEqual([]);
});

test('a record hours ahead of its receipt is refused', () => {
  const { bench, send } = setUp();
  send(7_200, { at: 1 });
  expect(bench.take('dead-letters')).toMatchObject([
    { code: 'TIME_IN_FUTURE', origin: expect.stringMatching(/^iot\.readings\/\d@0$/) },
  ]);
});

test('a device that kept readings on its own is not late because others of its gateway went on', () => {
  const { bench, send, tens } = setUp();
  send(1, { device: 'd-9' });
  for (let second = 1; second <= 600; second++) send(second, { device: 'd-1' });
  tens();
  for (let second = 2; second <= 599; second++) send(second, { device: 'd-9', at: 600 });
  for (let second = 601; second <= 610; second++) send(second, { device: 'd-1' });
  const late = bench.take<Late>('late');
  // Only its first ten seconds had been forgotten, with the one reading in them, and its first minute.
  expect(late.every((row) => row.windowEnd <= T + MINUTE)).toBe(true);
  const counts = new Map(
    bench
      .take<ReadingWindow>('iot.readings.10s')
      .filter((row) => row.device === 'd-9')
      .map((row) => [row.windowStart, row.count]),
  );
  for (let start = 10; start <= 580; start += 10) expect(counts.get(T + start * SECOND)).toBe(10);
});

test('two series have never one name, whatever their parts are', () => {
  const plan = from(TOPICS.readings, { trusted: true }).windows({
    by: { a: field('a'), b: field('b'), c: field('c') },
    sizes: [{ ms: SECOND, to: TOPICS.readings10s }],
    select: { count: count() },
  });
  const bench = new Bench(compile(job('test', plan)));
  const parts = fc.array(fc.constantFrom('', '/', '%', '%2F', '2F', 'é', '\ud800', 'a'), { maxLength: 3 });
  const name = parts.map((list) => list.join(''));
  const names = fc.sample(fc.tuple(name, name, name), { numRuns: 400, seed: 5 });
  for (const [a, b, c] of names) bench.send('iot.readings', { a, b, c, ts: T }, { key: 'k' });
  bench.restart();
  bench.send('iot.readings', { a: 'end', b: '', c: '', ts: T + MINUTE }, { key: 'k' });
  const rows = bench.take<{ series: string; a: string; b: string; c: string; count: number }>('iot.readings.10s');
  const counts = new Map(rows.map(({ a, b, c, count }) => [JSON.stringify([a, b, c]), count]));
  const expected = Map.groupBy(names, (one) => JSON.stringify(one));
  expect(counts).toEqual(new Map(Array.from(expected, ([one, all]) => [one, all.length])));
  expect(new Set(rows.map(({ series }) => series)).size).toBe(expected.size);
});

test('series are forgotten in the end, so that names made up at random do not fill the memory', () => {
  const steps = compile(
    job(
      'test',
      from(TOPICS.webRequests, { trusted: true }).windows({
        by: { path: field('path') },
        sizes: [{ ms: 10 * SECOND, to: TOPICS.webRequests10s }],
        select: { count: count(), bytes: sum(field('bytes')) },
        graceMs: MINUTE,
        rememberMs: 10 * MINUTE,
      }),
    ),
  );
  const task = steps[0]!.createTask(0);
  for (let second = 0; second < 3_600; second++) {
    const ts = T + second * SECOND;
    const value = Buffer.from(JSON.stringify({ path: `/${second}`, bytes: 1, ts }));
    task.process('web.requests', { key: null, value, headers: {}, partition: 0, offset: second, appendedAt: ts });
  }
  const saved = JSON.stringify([...task.snapshot()]);
  const series = Array.from({ length: 3_600 }, (_, second) => `"/${second}"`).filter((name) =>
    saved.includes(name),
  ).length;
  expect(series).toBeLessThan(700);
  expect(series).toBeGreaterThan(600);
});

test.each([
  ['longer than the outage: refines what was put out', 2 * 3_600_000, true],
  ['shorter: is late, not half counted', MINUTE, false],
])('the backlog of one gateway, in windows over several that are kept %s', (_, graceMs, refined) => {
  const plan = from(TOPICS.readings, { origin: field('gateway'), trusted: true })
    .keyBy('site', field('site'))
    .windows({
      by: { site: field('site') },
      sizes: [{ ms: MINUTE, to: TOPICS.readings1m }],
      select: { count: count() },
      graceMs,
    });
  const bench = new Bench(compile(job('test', plan)));
  const send = (gateway: string, second: number, at = second, headers: Record<string, string> = { lane: 'live' }) => {
    const value = { gateway, site: 'roof', ts: T + second * SECOND };
    bench.send('iot.readings', value, { key: gateway, headers, appendedAt: T + at * SECOND });
  };
  const OUTAGE = 3_600;
  for (let second = 0; second < OUTAGE; second += 4) {
    bench.tick(T + second * SECOND);
    send('a', second);
    if (second < 60) send('b', second);
  }
  const before = bench.take<ReadingWindow>('iot.readings.1m');
  expect(before.slice(0, 3).map((row) => [row.revision, row.count])).toEqual([
    [0, 30],
    [0, 15],
    [0, 15],
  ]);
  // It was not waited for.
  expect(before.length).toBeGreaterThan(57);
  send('b', OUTAGE, OUTAGE, { lane: 'live', backlog: '1' });
  for (let second = 60; second < OUTAGE; second += 4) send('b', second, OUTAGE, { lane: 'backlog' });
  for (let second = OUTAGE; second < OUTAGE + 120; second += 4) {
    bench.tick(T + second * SECOND);
    for (const gateway of ['a', 'b']) send(gateway, second);
  }
  const counts = new Map(before.map((row) => [row.windowStart, row.count]));
  for (const row of bench.take<ReadingWindow>('iot.readings.1m')) {
    expect(row.count).toBeGreaterThanOrEqual(counts.get(row.windowStart) ?? 0);
    counts.set(row.windowStart, row.count);
  }
  const late = bench.take<Late>('late').length;
  expect(late > 0).toBe(!refined);
  if (refined) for (let minute = 0; minute < 59; minute++) expect(counts.get(T + minute * MINUTE)).toBe(30);
});

test('an early result of a session that grew since the last one is put out once, however far time jumps', () => {
  const bench = new Bench(
    compile(
      job(
        'early',
        from<{ device: string; ts: number }>(TOPICS.readings, { trusted: true }).windows({
          by: { device: field('device') },
          sizes: [{ gapMs: 5 * SECOND, to: TOPICS.readings10s }],
          select: { count: count() },
          emit: { earlyEveryMs: 2 * SECOND },
        }),
      ),
    ),
  );
  const send = (device: string, seconds: number) => bench.send('iot.readings', { device, ts: T + seconds * SECOND });
  const results = () =>
    bench
      .take<ReadingWindow & { device: string; early: boolean }>('iot.readings.10s')
      .filter(({ device }) => device === 'd-1')
      .map(({ revision, count, early }) => [revision, count, early]);
  send('d-1', 0);
  send('d-2', 4.5);
  expect(results()).toEqual([[0, 1, true]]);
  send('d-1', 3);
  send('d-2', 8);
  expect(results()).toEqual([[1, 2, true]]);
});
