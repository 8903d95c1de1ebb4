import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Intake, openIntake, openStore, type Store } from '../sinks/index.ts';
import { startWeb, type Web } from './index.ts';

const NOW = 1_790_000_000_000;
let dir: string;
let store: Store;
let intake: Intake;
let web: Web;
let now: number;
let offset: number;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'headwater-web-'));
  store = openStore({ file: join(dir, 'results.sqlite') });
  now = NOW;
  offset = 0;
  intake = openIntake(
    store,
    () => now,
    () => {},
  );
  web = await start();
});
afterEach(async () => {
  await web.close();
  store.close();
  rmSync(dir, { recursive: true });
});

function start(port = 0): Promise<Web> {
  const state = { state: 'live', detail: '', records: 0, unreadable: 0 } as const;
  const feed = { subscribe: intake.subscribe, state: () => state, close: async () => {} };
  return startWeb({ store, feed, port, clock: () => now, hosts: ['works.example'] });
}

function put(topic: string, values: unknown[], headers: Record<string, string> = {}): void {
  const from = offset;
  offset += values.length;
  const records = values.map((value, i) => ({
    key: null,
    value: Buffer.from(JSON.stringify(value)),
    headers,
    partition: 0,
    offset: from + i,
    appendedAt: now,
  }));
  intake.accept({ topic, partition: 0, records, from, next: offset, highWatermark: offset });
}

const reading = (receivedAt: number) => ({
  device: 'pump-1',
  gateway: 'gw-1',
  site: 'north',
  metric: 'temperature',
  value: 21.5,
  unit: 'Cel',
  ts: receivedAt,
  receivedAt,
});
const get = (path: string, init?: RequestInit) => fetch(new URL(path, web.url), init);
// biome-ignore lint/suspicious/noExplicitAny: what a test looks for in an answer is its own
const json = async (path: string): Promise<any> => (await get(path)).json();

/** The events of a stream as they come, by `next`. */
async function listen(lastEventId?: string) {
  const stop = new AbortController();
  const response = await get('/events', {
    signal: stop.signal,
    ...(lastEventId && { headers: { 'last-event-id': lastEventId } }),
  });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  async function next(): Promise<{ id: string; event: string; data: Record<string, unknown> }> {
    for (;;) {
      const end = text.indexOf('\n\n');
      if (end < 0) {
        const { value, done } = await reader.read();
        if (done) throw new Error('the stream ended');
        text += value;
        continue;
      }
      const lines = text.slice(0, end).split('\n');
      text = text.slice(end + 2);
      const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const data = field('data');
      if (data) return { id: field('id')!, event: field('event') ?? 'message', data: JSON.parse(data) };
    }
  }
  /** The next event with readings. */
  async function nextReadings() {
    for (;;) {
      const event = await next();
      if ((event.data.readings as unknown[] | undefined)?.length) return event;
    }
  }
  return { response, next, nextReadings, stop: () => stop.abort() };
}

test('a reading reaches a page that listens, and its latency is taken then', async () => {
  const events = await listen();
  expect((await events.next()).event).toBe('snapshot');
  expect(web.summary().firstChartAt).toBeNull();
  put('iot.readings', [reading(now - 200)], { lane: 'live' });
  put('iot.readings', [reading(now - 90_000)], { lane: 'backlog' });
  const { data } = await events.nextReadings();
  expect(data.readings).toEqual([['pump-1', 'temperature', now - 200, 21.5, now - 90_000, 21.5]]);
  const { latencyMs, firstChartAt } = web.summary();
  expect(firstChartAt).toBe(NOW);
  expect(latencyMs.p50).toBeGreaterThan(190);
  expect(latencyMs.p99).toBeLessThan(210);
  events.stop();
});

test('a page that comes back gets what it missed, in order and once', async () => {
  const first = await listen();
  put('iot.readings', [reading(now)]);
  const { id } = await first.nextReadings();
  first.stop();
  put('iot.readings', [reading(now + 1)]);
  const second = await listen(id);
  const missed = await second.nextReadings();
  expect(missed.event).toBe('message');
  expect(missed.data.readings).toEqual([['pump-1', 'temperature', now + 1, 21.5]]);
  second.stop();
});

test.each(['0a0b0c0d-7', 'nonsense', '-', '1'])(
  'a page that comes back with %s from another life is told to load anew',
  async (id) => {
    const events = await listen(id);
    expect((await events.next()).event).toBe('snapshot');
    events.stop();
  },
);

test('the summary adds up gateways and the partitions of the intake', async () => {
  const counts = { acknowledged: 100, forwarded: 90, rejected: 0, duplicates: 0, evicted: 3, lost: 2 };
  const status = {
    gateway: 'gw-1',
    site: 'north',
    version: '0.1.0',
    incarnation: 'a',
    ts: now,
    startedAt: now,
    backlog: { readings: 7, bytes: 1, oldestTs: null },
    counts,
    inputs: [],
    disk: { freeBytes: 1, bufferBytes: 1 },
    certificateExpiresAt: null,
  };
  put('gateways', [status, { ...status, gateway: 'gw-2' }]);
  const health = (process: string, counted: number, gaps: number) => ({
    process,
    kind: 'hub',
    ts: now,
    rssMb: 1,
    cpuShare: 0,
    diskFreeBytes: null,
    lag: {},
    certificateExpiresAt: null,
    counts: { counted, gaps, duplicatesDropped: 1, 'gw-1/counted': counted },
  });
  offset = 0;
  put('platform.health', [
    health('hub:intake/0', 5, 0),
    health('hub:intake/0', 60, 1),
    health('hub:intake/1', 110, 0),
    health('hub-1', 9_999, 0),
  ]);
  const summary = await json('/api/summary');
  expect(summary.readings).toEqual({
    acknowledged: 200,
    forwarded: 180,
    counted: 170,
    lost: 11,
    duplicatesDropped: 2,
    gaps: 1,
    evicted: 6,
    refused: 4,
  });
  expect(summary.latencyMs).toEqual({ p50: null, p99: null });

  // Counted since the gateways last said how much they acknowledged.
  put('platform.health', [health('hub:intake/1', 190, 0)]);
  expect((await json('/api/summary')).readings).toMatchObject({ acknowledged: 250, counted: 250 });
});

test('a series without a window yet can be chosen, and shows its readings', async () => {
  put('iot.readings', [reading(now - 5), reading(now)]);
  expect(await json('/api/series')).toMatchObject([
    { device: 'pump-1', metric: 'temperature', unit: 'Cel', series: null },
  ]);
  const shown = await json('/api/readings?device=pump-1&metric=temperature');
  expect(shown).toMatchObject({
    unit: 'Cel',
    start: [],
    raw: [
      [now - 5, 21.5],
      [now, 21.5],
    ],
  });
});

test('sums of money stay exact', async () => {
  const window = { count: 1, revision: 0, account: 'A', currency: 'EUR', series: 'A/EUR', max: '0.10' };
  const start = (i: number) => ({ windowStart: now - i * 10_000, windowEnd: now - i * 10_000 + 10_000 });
  put(
    'finance.transactions.10s',
    [1, 2, 3].map((i) => ({ ...window, ...start(i), sum: i === 1 ? '123456789012345.10' : '0.10' })),
  );
  const { accounts } = await json('/api/transactions');
  expect(accounts).toMatchObject([{ account: 'A', count: 3, sum: '123456789012345.30', max: '0.10' }]);
});

test('what was refused is shown as text that cannot disturb a terminal or a page', async () => {
  const bytes = Buffer.from('<b>\u001b[31m\u202e\u0000\ufffd').toString('base64');
  put('dead-letters', [{ origin: 'mqtt:x', code: 'BAD', reason: 'r', bytes, ts: now }]);
  const { deadLetters } = await json('/api/refused');
  expect(deadLetters.byCode).toEqual([{ name: 'BAD', count: 1 }]);
  expect(deadLetters.latest[0].glimpse).toBe('<b>·[31m···');
  expect(deadLetters.latest[0].bytes).toBeUndefined();
});

test('a wrong query is answered with what is wrong', async () => {
  const response = await get('/api/web?minutes=0');
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({
    error: {
      code: 'QUERY_INVALID',
      message: expect.stringContaining('minutes'),
    },
  });
});

test('everything is served with a strict policy, and only read', async () => {
  for (const path of ['/', '/main.js', '/vendor/uplot.js', '/api/summary', '/nothing']) {
    const response = await get(path);
    expect(response.headers.get('content-security-policy')).toContain("script-src 'self'");
    expect(response.headers.get('content-security-policy')).not.toContain('unsafe');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  }
  const events = await listen();
  expect(events.response.headers.get('content-security-policy')).toContain("default-src 'none'");
  events.stop();
  expect((await get('/api/summary', { method: 'POST', body: '{}' })).status).toBe(405);
  expect((await get('/../package.json')).status).toBe(404);
  expect((await get('/%2e%2e/index.ts')).status).toBeGreaterThanOrEqual(400);
});

test.each([
  ['evil.example', 421],
  ['127.0.0.1.evil.example', 421],
  ['works.example', 200],
  ['localhost', 200],
  ['[::1]', 200],
])('asked for as %s the page answers %i', async (host, status) => {
  const answer = await raw(`GET /api/summary HTTP/1.1\r\nHost: ${host}:${web.port}\r\nConnection: close\r\n\r\n`);
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
});

test('a taken port is said so', async () => {
  await expect(start(web.port)).rejects.toMatchObject({
    code: 'PORT_TAKEN',
    message: expect.stringContaining(`${web.port}`),
  });
});

function raw(request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(web.port, '127.0.0.1', () => socket.write(request));
    let answer = '';
    socket.on('data', (data) => {
      answer += data;
    });
    socket.on('end', () => resolve(answer));
    socket.on('error', reject);
  });
}
