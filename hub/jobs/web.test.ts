import { expect, test } from 'vitest';
import { Breach, Episode, type WebRequest, WebSession, WebSiteWindow, WebWindow } from '../../contract/index.ts';
import { compile } from '../../streams/core/index.ts';
import { Bench } from '../../streams/testing/index.ts';
import { episodes } from './episodes.ts';
import { web } from './web.ts';

const T = Date.UTC(2026, 10, 2, 12);
/** One for each partition. */
const CLIENTS = ['10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.0.3'];

function setUp() {
  const bench = new Bench([web, episodes].flatMap(compile));
  const get = (second: number, path: string, more: Partial<WebRequest> = {}) => {
    const request = {
      clientIp: CLIENTS[0]!,
      method: 'GET',
      path,
      status: 200,
      bytes: 512,
      ts: T + second * 1_000,
      ...more,
    };
    bench.send('web.requests', request, { key: request.clientIp });
  };
  /** Requests of every client that move time on. */
  const passOn = (second: number) => {
    for (const clientIp of CLIENTS) get(second, '/later', { clientIp });
  };
  /** Wall-clock time passes, a second at a time, without requests. */
  const wait = (from: number, to: number) => {
    for (let second = from; second <= to; second++) bench.tick(T + second * 1_000);
  };
  /** Episodes told since the last call. */
  const told = () =>
    bench
      .take<Episode>('episodes')
      .map((row) => Episode.parse(row))
      .map(({ series, early, most, until }) => [
        series,
        early ? 'goes on' : 'over',
        most,
        until === null ? null : (until - T) / 1_000,
      ]);
  return { bench, get, passOn, wait, told };
}

test('requests of all clients are summed up by path: how many, the share that failed, how long they took', () => {
  const { bench, get, passOn } = setUp();
  for (let i = 0; i < 100; i++) {
    const status = i < 5 ? 500 : i < 10 ? 404 : 200;
    get(i / 20, '/cart', { clientIp: CLIENTS[i % 4]!, durationMs: i + 1, status });
  }
  passOn(15);
  passOn(63);
  const [ten, later] = bench.take<WebWindow>('web.requests.10s').map((row) => WebWindow.parse(row));
  expect(ten).toMatchObject({
    series: '/cart',
    path: '/cart',
    windowStart: T,
    windowEnd: T + 10_000,
    revision: 0,
    count: 100,
    errorShare: 0.05,
  });
  for (const [quantile, truth] of [
    [ten!.p50!, 50],
    [ten!.p95!, 95],
    [ten!.p99!, 99],
  ] as const)
    expect(Math.abs(quantile - truth)).toBeLessThanOrEqual(truth * 0.01 + 1e-9);
  expect(later).toMatchObject({ path: '/later', count: 4, errorShare: 0, p50: null, p95: null, p99: null });
  expect(Object.fromEntries(bench.take<WebWindow>('web.requests.1m').map((row) => [row.path, row.count]))).toEqual({
    '/cart': 100,
    '/later': 4,
  });
});

test('ids in a path do not make a series each', () => {
  const { bench, get, passOn } = setUp();
  const paths = ['/items/1', '/items/22/', '/users/7f3c9a52e1b84d6f/orders/3', '/v2/page', '/items/abc', '/8'];
  for (const path of paths) get(1, path);
  passOn(13);
  expect(
    bench
      .take<WebWindow>('web.requests.10s')
      .map(({ path }) => path)
      .sort(),
  ).toEqual(['/:id', '/items/:id', '/items/:id/', '/items/abc', '/users/:id/orders/:id', '/v2/page'].sort());
});

test('a line that is none becomes a dead letter', () => {
  const { bench, get } = setUp();
  get(1, '/', { status: 9_999 });
  expect(bench.take('dead-letters')).toMatchObject([{ code: 'INVALID', reason: expect.stringContaining('status') }]);
});

test('of the whole site it is told how many clients there were, what they were refused, and which paths are the busiest', () => {
  const { bench, get, passOn } = setUp();
  for (let i = 0; i < 100; i++) {
    const clientIp = CLIENTS[i % 4]!;
    if (i < 50) get(1, '/', { clientIp, durationMs: 20 });
    else if (i < 80) get(2, `/items/${i}`, { clientIp });
    else if (i < 90) get(3, '/login', { clientIp, status: i < 85 ? 401 : 403 });
    else if (i < 96) get(4, '/lost', { clientIp, status: 404 });
    else get(5, '/cart', { clientIp, status: 502 });
  }
  passOn(13);
  const [row, ...others] = bench.take<WebSiteWindow>('web.site.10s').map((r) => WebSiteWindow.parse(r));
  expect(others).toEqual([]);
  expect(row).toMatchObject({
    windowStart: T,
    count: 100,
    clients: 4,
    errorShare: 0.04,
    deniedShare: 0.1,
    missingShare: 0.06,
  });
  expect(row!.topPaths).toEqual([
    { value: '/', count: 50, error: 0 },
    { value: '/items/:id', count: 30, error: 0 },
    { value: '/login', count: 10, error: 0 },
    { value: '/lost', count: 6, error: 0 },
    { value: '/cart', count: 4, error: 0 },
  ]);
});

test('a session is what one client does without half an hour of pause: how long, how many pages, from where to where', () => {
  const { bench, get } = setUp();
  const hour = 3_600;
  get(0, '/');
  get(40, '/search');
  get(60, '/cart', { status: 500 });
  get(1_860, '/search', { bytes: 100 });
  // A pause of more than half an hour, and another client meanwhile.
  get(2_000, '/', { clientIp: '10.0.0.4' });
  get(hour + 61, '/about');
  get(2 * hour, '/end');
  const rows = bench.take<WebSession>('web.sessions').map((row) => WebSession.parse(row));
  const over = rows.filter(({ clientIp, early }) => clientIp === CLIENTS[0] && !early);
  expect(over).toEqual([
    {
      series: CLIENTS[0],
      clientIp: CLIENTS[0],
      windowStart: T,
      windowEnd: T + 1_860_000 + 1_800_000,
      revision: expect.any(Number),
      early: false,
      mergedInto: null,
      count: 4,
      paths: 3,
      durationMs: 1_860_000,
      entryPath: '/',
      exitPath: '/search',
      errorShare: 0.25,
      bytes: 3 * 512 + 100,
    },
    expect.objectContaining({ windowStart: T + (hour + 61) * 1_000, count: 1, durationMs: 0, entryPath: '/about' }),
  ]);
  // It was told of before, as far as it had come.
  expect(rows[0]).toMatchObject({ early: true, windowStart: T, revision: 0, entryPath: '/' });
});

test('a client that hammers is one episode, told soon after it begins and again when it is over', () => {
  const { bench, get, wait, told } = setUp();
  for (let second = 0; second < 60; second++) {
    for (const clientIp of CLIENTS) get(second, '/', { clientIp });
    const isAtIt = second >= 10 && second < 40;
    for (let i = 0; isAtIt && i < 20; i++) get(second, '/api/stock', { clientIp: '10.0.0.5' });
    wait(second, second);
  }
  const series = 'client-hammering/10.0.0.5';
  const [first, ...more] = told();
  expect(first).toEqual([series, 'goes on', 200, 20]);
  expect(more.every(([of, state]) => of === series && state === 'goes on')).toBe(true);
  wait(60, 90);
  expect(told().at(-1)).toEqual([series, 'over', 200, 40]);
  const breaches = bench.take<Breach>('breaches').map((row) => Breach.parse(row));
  expect(breaches.map(({ windowStart, count }) => [windowStart - T, count])).toEqual([
    [10_000, 200],
    [20_000, 200],
    [30_000, 200],
  ]);
});

test('one that comes back after a pause is another episode', () => {
  const { get, wait, told } = setUp();
  for (const from of [0, 50]) {
    for (let i = 0; i < 150; i++) get(from + 1, '/');
    get(from + 13, '/');
    wait(from + 13, from + 49);
  }
  wait(100, 120);
  expect(told().filter(([, state]) => state === 'over')).toEqual([
    ['client-hammering/10.0.0.0', 'over', 150, 10],
    ['client-hammering/10.0.0.0', 'over', 150, 60],
  ]);
});

test.each([
  ['server-errors', 503],
  ['login-failures', 401],
  ['not-found', 404],
])('%s: a burst of status %i is one episode, with its share; a few of them are usual', (kind, status) => {
  const { bench, get, wait, told } = setUp();
  const second = (at: number, failing: number) => {
    for (let i = 0; i < 20; i++) get(at, '/', { clientIp: CLIENTS[i % 4]!, ...(i < failing && { status }) });
    wait(at, at);
  };
  for (let at = 0; at < 200; at++) second(at, at % 2);
  expect(told()).toEqual([]);
  for (let at = 200; at < 230; at++) second(at, 6);
  for (let at = 230; at < 300; at++) second(at, at % 2);
  wait(300, 310);
  const states = told();
  expect(states[0]).toEqual([`${kind}/site`, 'goes on', 200, 210]);
  expect(states.at(-1)).toEqual([`${kind}/site`, 'over', 200, 230]);
  const breaches = bench.take<Breach>('breaches').map((row) => Breach.parse(row));
  expect(breaches.map(({ value }) => value)).toEqual([0.3, 0.3, 0.3]);
});

test('a share that stays for most of an hour is usual in the end', () => {
  const { bench, get } = setUp();
  for (let at = 0; at < 2_700; at++) {
    // A tenth of all, from the hundredth second on.
    for (let i = 0; i < 10; i++) get(at, '/', { clientIp: CLIENTS[i % 4]!, status: i === 0 && at >= 100 ? 404 : 200 });
  }
  const starts = bench.take<Breach>('breaches').map(({ windowStart }) => windowStart);
  expect(starts[0]).toBe(T + 100_000);
  expect(Math.max(...starts)).toBeLessThan(T + 2_400_000);
});

test('a few failures in the night are no burst', () => {
  const { bench, get, passOn, wait } = setUp();
  for (let i = 0; i < 4; i++) get(i, '/', { clientIp: CLIENTS[i]!, status: 500 });
  passOn(13);
  wait(13, 60);
  expect(bench.take('web.site.10s')).toMatchObject([{ count: 4, errorShare: 1 }, { count: 4 }]);
  expect(bench.take('breaches')).toEqual([]);
});
