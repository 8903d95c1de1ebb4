import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { type DeadLetter, type Health, Health as HealthSchema, type Reading } from '../../contract/index.ts';
import { Bench } from '../../streams/testing/index.ts';
import { intake } from './intake.ts';

const T = Date.UTC(2026, 10, 2, 12);
let bench: Bench;

beforeEach(() => {
  bench = new Bench([intake]);
});

function reading(value = 21.4): Reading {
  return {
    device: 'mc-1',
    gateway: 'gw-1',
    site: 'roof',
    metric: 'temperature',
    value,
    unit: 'Cel',
    ts: T,
    receivedAt: T,
  };
}

function forward(
  id: string,
  value: unknown = reading(),
  more: Record<string, string> = {},
  key: string | null = 'gw-1',
) {
  bench.send('iot.raw', value, { key, headers: { v: '1', id, ...more }, appendedAt: T });
}

const values = () => bench.take<Reading>('iot.readings').map((r) => r.value);
const letters = () => bench.take<DeadLetter>('dead-letters');

/** The counts of all gateways. */
function counts() {
  bench.tick(T);
  const records = bench.take<Health>('platform.health');
  for (const record of records) HealthSchema.parse(record);
  const busy = records.map((record) => record.counts).find((of) => Object.values(of).some((n) => n > 0));
  return Object.fromEntries(Object.entries(busy ?? {}).filter(([name, n]) => n > 0 && !name.includes('/')));
}

test('a reading goes on once, by device, as it came, with its lane', () => {
  forward('abc/live/1', reading(1), { backlog: '1' });
  forward('abc/alarm/1', { ...reading(2), addedLater: true });
  const records = bench.takeRecords('iot.readings');
  expect(records.map((r) => [r.key, r.headers])).toEqual([
    ['mc-1', { v: '1', lane: 'live', backlog: '1' }],
    ['mc-1', { v: '1', lane: 'alarm' }],
  ]);
  expect(JSON.parse(String(records[1]!.value))).toEqual({ ...reading(2), addedLater: true });
  expect(counts()).toEqual({ counted: 2 });
});

test('what is sent again is dropped, also after the task died', () => {
  for (const n of [1, 2, 3]) forward(`abc/live/${n}`, reading(n));
  bench.restart();
  for (const n of [2, 3, 4]) forward(`abc/live/${n}`, reading(n));
  expect(values()).toEqual([1, 2, 3, 4]);
  expect(counts()).toEqual({ counted: 4, duplicatesDropped: 2 });
});

test('lanes, incarnations and gateways are counted apart', () => {
  forward('abc/live/1', reading(1));
  forward('abc/backlog/1', reading(2));
  forward('def/live/1', reading(3));
  forward('abc/live/1', { ...reading(4), gateway: 'gw-2' }, {}, 'gw-2');
  expect(values().sort()).toEqual([1, 2, 3, 4]);
  expect(letters()).toEqual([]);
});

test('a gap is reported and counted, and the lane goes on', () => {
  forward('abc/live/1', reading(1));
  forward('abc/live/5', reading(5));
  forward('abc/live/6', reading(6));
  expect(values()).toEqual([1, 5, 6]);
  expect(letters()).toMatchObject([{ code: 'GAP', reason: expect.stringContaining('sequences 2…4 of lane live') }]);
  expect(counts()).toEqual({ counted: 3, gaps: 3 });
});

test('what a buffer gave up and said so is no gap', () => {
  forward('abc/live/1', reading(1));
  forward('abc/live/4', { from: 2, to: 4, reason: 'full' }, { kind: 'evicted' });
  forward('abc/live/4', { from: 2, to: 4, reason: 'full' }, { kind: 'evicted' });
  // Announced together with what was announced before.
  forward('abc/live/9', { from: 2, to: 9, reason: 'full' }, { kind: 'evicted' });
  forward('abc/live/10', reading(10));
  expect(values()).toEqual([1, 10]);
  expect(letters()).toEqual([]);
  expect(counts()).toEqual({ counted: 2, evicted: 8, duplicatesDropped: 1 });
});

test('what a gateway gave up though it had come, and announces in ever wider ranges, counts as given up only beyond what came', () => {
  for (let n = 1; n <= 3; n++) forward(`abc/live/${n}`, reading(n));
  // The answers were lost and the gateway started anew, so it does not know that 1…3 are here.
  forward('abc/live/2', { from: 1, to: 2, reason: 'full' }, { kind: 'evicted' });
  forward('abc/live/5', { from: 1, to: 5, reason: 'full' }, { kind: 'evicted' });
  forward('abc/live/5', { from: 1, to: 5, reason: 'full' }, { kind: 'evicted' });
  forward('abc/live/6', reading(6));
  expect(values()).toEqual([1, 2, 3, 6]);
  expect(letters()).toEqual([]);
  expect(counts()).toEqual({ counted: 4, evicted: 2, duplicatesDropped: 2 });
});

test('what a gateway could not read becomes a dead letter under its own origin', () => {
  const rejected = {
    origin: 'mqtt:devices/a b/c',
    code: 'TOPIC_INVALID',
    reason: 'odd name',
    bytes: 'MQ==',
    receivedAt: T,
  };
  forward('abc/live/1', rejected, { kind: 'rejected' });
  forward('abc/live/1', rejected, { kind: 'rejected' });
  forward('abc/live/2');
  expect(letters()).toEqual([
    { origin: 'mqtt:devices/a b/c', code: 'TOPIC_INVALID', reason: 'gw-1: odd name', bytes: 'MQ==', ts: T },
  ]);
  expect(counts()).toEqual({ counted: 1, deadLetters: 1, duplicatesDropped: 1 });
});

test.each([
  ['no JSON', Buffer.from('{'), {}, 'READING_INVALID'],
  ['nothing', null, {}, 'READING_INVALID'],
  ['a reading of another gateway', { ...reading(), gateway: 'gw-2' }, {}, 'GATEWAY_MISMATCH'],
  ['a value that is no number', { ...reading(), value: 'warm' }, {}, 'READING_INVALID'],
  ['an unknown kind', reading(), { kind: 'novelty' }, 'KIND_UNKNOWN'],
  ['a rejection that is none', reading(), { kind: 'rejected' }, 'REJECTED_INVALID'],
  ['a range that does not end where it stands', { from: 1, to: 7, reason: '' }, { kind: 'evicted' }, 'EVICTED_INVALID'],
])('%s becomes a dead letter with its bytes and takes up its sequence', (_, value, headers, code) => {
  forward('abc/live/1', value, headers);
  forward('abc/live/2', reading(2));
  const [letter, ...others] = letters();
  expect(letter).toMatchObject({ code, origin: expect.stringMatching(/^iot\.raw\/\d@0$/) });
  expect(Buffer.from(letter!.bytes, 'base64').toString()).toBe(
    Buffer.isBuffer(value) || value === null ? String(value ?? '') : JSON.stringify(value),
  );
  expect(others).toEqual([]);
  expect(values()).toEqual([2]);
});

test.each([
  ['no id', {}, 'gw-1', 'IDENTITY_INVALID'],
  ['a broken id', { id: 'abc/live/0' }, 'gw-1', 'IDENTITY_INVALID'],
  ['no gateway', { id: 'abc/live/1' }, null, 'GATEWAY_INVALID'],
  ['an odd gateway', { id: 'abc/live/1' }, 'gw/1', 'GATEWAY_INVALID'],
])('a record with %s becomes a dead letter', (_, headers, key, code) => {
  bench.send('iot.raw', reading(), { key, headers, appendedAt: T });
  expect(letters()).toMatchObject([{ code }]);
  expect(counts()).toEqual({ deadLetters: 1 });
});

test('counts are told once a second at most, and only when they changed', () => {
  bench.tick(T);
  bench.take('platform.health');
  bench.tick(T + 1_000);
  expect(bench.take('platform.health')).toEqual([]);
  forward('abc/live/1');
  bench.tick(T + 2_000);
  expect(bench.take<Health>('platform.health')).toMatchObject([
    {
      process: expect.stringMatching(/^hub:intake\/\d$/),
      ts: T + 2_000,
      counts: { counted: 1, gaps: 0, 'gw-1/counted': 1 },
    },
  ]);
});

test('however a gateway repeats itself and whenever the task dies, each reading counts once and in order', () => {
  const run = fc.record({ back: fc.nat(5), length: fc.integer({ min: 1, max: 8 }), restart: fc.boolean() });
  fc.assert(
    fc.property(fc.array(run, { maxLength: 20 }), (runs) => {
      bench = new Bench([intake]);
      let reached = 0;
      for (const { back, length, restart } of runs) {
        // After an error a forwarder begins again at the lowest that was not acknowledged.
        const from = Math.max(1, reached + 1 - back);
        for (let n = from; n < from + length; n++) forward(`abc/live/${n}`, reading(n));
        reached = Math.max(reached, from + length - 1);
        if (restart) bench.restart();
      }
      expect(values()).toEqual(Array.from({ length: reached }, (_, i) => i + 1));
      expect(letters()).toEqual([]);
    }),
  );
});
