import { expect, test } from 'vitest';
import { type WebRequest, WebWindow } from '../../contract/index.ts';
import { compile } from '../../streams/core/index.ts';
import { Bench } from '../../streams/testing/index.ts';
import { web } from './web.ts';

const T = Date.UTC(2026, 10, 2, 12);
/** One for each partition. */
const CLIENTS = ['10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.0.3'];

function setUp() {
  const bench = new Bench(compile(web));
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
  return { bench, get, passOn };
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
