import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { GatewayStatus, ReadingWindow } from '../../../contract/index.ts';
import type { IncomingBatch } from '../../../kafka/index.ts';
import { openIntake, openStore, type Store } from '../index.ts';

const NOW = 1_790_000_000_000;
const MINUTE = 60_000;
let dir: string;
let file: string;
let store: Store;
const warnings: Error[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'headwater-store-'));
  file = join(dir, 'results.sqlite');
  store = openStore({ file });
  warnings.length = 0;
});
afterEach(() => {
  store.close();
  rmSync(dir, { recursive: true });
});

const intake = (now = NOW) =>
  openIntake(
    store,
    () => now,
    (error) => warnings.push(error),
  );

function batch(topic: string, values: unknown[], firstOffset = 0): IncomingBatch {
  const records = values.map((value, i) => ({
    key: 'k',
    value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
    headers: {},
    partition: 0,
    offset: firstOffset + i,
    appendedAt: NOW,
  }));
  const next = firstOffset + values.length;
  return { topic, partition: 0, records, from: firstOffset, next, highWatermark: next };
}

function readingWindow(change: Partial<ReadingWindow> = {}): ReadingWindow {
  return {
    series: 'pump-1/temperature',
    windowStart: NOW - MINUTE,
    windowEnd: NOW - MINUTE + 10_000,
    revision: 0,
    count: 10,
    device: 'pump-1',
    metric: 'temperature',
    unit: 'Cel',
    gateway: 'gw-1',
    site: 'north',
    type: 'pump',
    mean: 20,
    min: 19,
    max: 21,
    ...change,
  };
}

const deadLetter = (code: string) => ({ origin: 'mqtt:x', code, reason: 'not JSON', bytes: 'eA==', ts: NOW });

function status(incarnation: string, acknowledged: number): GatewayStatus {
  return {
    gateway: 'gw-1',
    site: 'north',
    version: '0.1.0',
    incarnation,
    ts: NOW,
    startedAt: NOW,
    backlog: { readings: 0, bytes: 0, oldestTs: null },
    counts: { acknowledged, forwarded: acknowledged, rejected: 0, duplicates: 0, evicted: 0, lost: 0 },
    inputs: [],
    disk: { freeBytes: 1, bufferBytes: 1 },
    certificateExpiresAt: null,
  };
}

const DEAD = 'dead-letters';
const W10 = 'iot.readings.10s';
const allOf = (topic: string) => store.series<ReadingWindow>(topic, 'pump-1/temperature', 0, NOW + 1);

test('a batch delivered twice counts once, also after the store was closed in between', () => {
  const twice = batch(DEAD, [deadLetter('A'), deadLetter('A'), deadLetter('B')]);
  intake().accept(twice);
  store.close();
  store = openStore({ file });
  intake().accept(twice);
  expect(store.totals().deadLetters).toBe(3);
  expect(store.tallies('dead-letters')).toEqual([
    { name: 'A', count: 2 },
    { name: 'B', count: 1 },
  ]);
  expect(store.position({ topic: DEAD, partition: 0 })).toBe(3);
});

test('of a batch that overlaps what is stored only the rest counts', () => {
  intake().accept(batch(DEAD, [deadLetter('A'), deadLetter('A')]));
  intake().accept(batch(DEAD, [deadLetter('A'), deadLetter('B')], 1));
  expect(store.totals().deadLetters).toBe(3);
});

test('listeners hear of a batch once it is stored, and of a repeated one not again', () => {
  const it = intake();
  const heard: number[] = [];
  it.subscribe((results) => heard.push(results.deadLetters.length, store.totals().deadLetters));
  it.accept(batch(DEAD, [deadLetter('A')]));
  it.accept(batch(DEAD, [deadLetter('A')]));
  expect(heard).toEqual([1, 1]);
});

test('when a write fails, neither the results nor the position stay', () => {
  const broken = new DatabaseSync(file);
  broken.exec(
    `CREATE TRIGGER full BEFORE INSERT ON tallies BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END`,
  );
  expect(() => intake().accept(batch(DEAD, [deadLetter('A')]))).toThrow('full');
  expect(store.deadLetters(10)).toEqual([]);
  expect(store.position({ topic: DEAD, partition: 0 })).toBeUndefined();
  broken.exec('DROP TRIGGER full');
  broken.close();
  intake().accept(batch(DEAD, [deadLetter('A')]));
  expect(store.totals().deadLetters).toBe(1);
});

test('whatever the order, the highest revision of each window stays and each window counts once', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(5), fc.nat(4)), { minLength: 1, maxLength: 40 }), (results) => {
      const one = openStore({ file: join(dir, `${Math.random()}.sqlite`) });
      const windows = results.map(([slot, revision]) => {
        const windowStart = NOW - MINUTE + slot * 10_000;
        return readingWindow({ windowStart, windowEnd: windowStart + 10_000, revision, mean: revision });
      });
      openIntake(
        one,
        () => NOW,
        () => {},
      ).accept(batch(W10, windows));
      const highest = new Map<number, number>();
      for (const w of windows) highest.set(w.windowStart, Math.max(w.revision, highest.get(w.windowStart) ?? 0));
      const stored = one.series<ReadingWindow>(W10, 'pump-1/temperature', 0, NOW + 1);
      expect(new Map(stored.map((w) => [w.windowStart, w.mean]))).toEqual(highest);
      expect(one.totals().windows).toBe(highest.size);
      one.close();
    }),
    { numRuns: 30 },
  );
});

test('records that are not what the topic promises are counted, warned of, and stop nothing', () => {
  const it = intake();
  it.accept(batch(W10, ['{"series":', readingWindow(), { series: 'x' }]));
  expect(allOf(W10)).toHaveLength(1);
  expect(it.counts().unreadable).toBe(2);
  expect(store.totals().unreadable).toBe(2);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]?.message).toContain('iot.readings.10s/0');
});

test('a topic made anew, whose offsets begin again, is read from its beginning', () => {
  intake().accept(batch(DEAD, [deadLetter('A'), deadLetter('A')], 100));
  intake().accept(batch(DEAD, [deadLetter('B')]));
  expect(store.totals().deadLetters).toBe(3);
  expect(store.position({ topic: DEAD, partition: 0 })).toBe(1);
});

test('windows go by age and by number, a little at a time, and stay counted', () => {
  store.close();
  store = openStore({ file, retention: { [W10]: { keepMs: 10 * MINUTE, maxRows: 20 } }, pruneStep: 5 });
  const windows = Array.from({ length: 50 }, (_, i) =>
    readingWindow({ windowStart: NOW - i * 10_000, windowEnd: NOW - i * 10_000 + 10_000 }),
  );
  intake().accept(batch(W10, windows));
  expect(allOf(W10)).toHaveLength(50);
  expect(store.prune(NOW)).toBe(5);
  while (store.prune(NOW) > 0);
  expect(allOf(W10)).toHaveLength(20);
  expect(allOf(W10).at(-1)?.windowStart).toBe(NOW);
  while (store.prune(NOW + 11 * MINUTE) > 0);
  expect(allOf(W10)).toEqual([]);
  expect(store.latest(W10, 0)).toEqual([]);
  expect(store.totals().windows).toBe(50);
});

test('a window older than its retention is not taken in', () => {
  intake(NOW + 2 * 24 * 60 * MINUTE).accept(batch(W10, [readingWindow()]));
  expect(store.totals().windows).toBe(0);
});

test('a window from a wrong clock in the future does not stay the latest of its series', () => {
  intake().accept(
    batch(W10, [readingWindow({ windowStart: NOW + 1e9, windowEnd: NOW + 1e9 + 10_000 }), readingWindow()]),
  );
  expect(store.latest<ReadingWindow>(W10, 0).map((w) => w.windowStart)).toEqual([NOW - MINUTE]);
});

test('the counts of a gateway go on when its buffer begins a new life', () => {
  intake().accept(batch('gateways', [status('one', 100), status('one', 140), status('two', 5)]));
  const [gateway] = store.gateways();
  expect(gateway?.value.incarnation).toBe('two');
  expect(gateway?.counts.acknowledged).toBe(145);
});

test('only the latest dead letters are kept, all are counted', () => {
  intake().accept(
    batch(
      DEAD,
      Array.from({ length: 1_200 }, (_, i) => deadLetter(`C${i % 2}`)),
    ),
  );
  expect(store.deadLetters(5_000)).toHaveLength(500);
  expect(store.totals().deadLetters).toBe(1_200);
});

test('a channel that was removed is shown no more', () => {
  const about = { channel: 'k', kind: 'ntfy', process: 'hub-1', state: 'ready', detail: '', position: 1, ts: NOW };
  const channel = {
    ...about,
    acceptedAt: null,
    accepted: 0,
    refused: 0,
    severities: ['info'],
    matchers: [],
    resolved: true,
  };
  const { accept } = intake();
  accept(batch('alert-channels', [channel]));
  expect(store.current('alert-channels')).toEqual([channel]);
  const gone = batch('alert-channels', ['']);
  accept({ ...gone, from: 1, next: 2, highWatermark: 2, records: [{ ...gone.records[0]!, offset: 1, value: null }] });
  expect(store.current('alert-channels')).toEqual([]);
});

test('an alert is shown in its latest state, firing ones first', () => {
  const alert = (id: string, state: string, ts: number) => ({
    id,
    rule: 'r',
    series: 's',
    state,
    severity: 'warning',
    summary: 'too hot',
    value: 1,
    since: NOW,
    ts,
  });
  intake().accept(
    batch('alerts', [
      alert('a', 'firing', NOW),
      alert('b', 'pending', NOW),
      alert('a', 'resolved', NOW + 1),
      alert('b', 'firing', NOW + 2),
    ]),
  );
  expect(store.alerts(10).map((a) => `${a.id} ${a.state}`)).toEqual(['b firing', 'a resolved']);
  expect(store.totals().alertsFiring).toBe(1);
});

test('a store of another version is made anew, a file that is no store is refused with what to do', () => {
  intake().accept(batch(DEAD, [deadLetter('A')]));
  store.close();
  const other = new DatabaseSync(file);
  other.exec('PRAGMA user_version = 99');
  other.close();
  store = openStore({ file });
  expect(store.totals().deadLetters).toBe(0);

  const foreign = join(dir, 'foreign.sqlite');
  writeFileSync(foreign, 'this is not a database, and long enough to be taken for a header of one');
  expect(() => openStore({ file: foreign })).toThrow(/delete it/);

  const precious = join(dir, 'precious.sqlite');
  const db = new DatabaseSync(precious);
  db.exec('CREATE TABLE buffer (x)');
  expect(() => openStore({ file: precious })).toThrow(/another program/);
  expect(db.prepare('SELECT * FROM buffer').all()).toEqual([]);
  db.close();
});
