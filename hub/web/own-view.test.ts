import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { topic } from '../../contract/index.ts';
import { OWN_RETENTION, openIntake, openStore, type Store, type StoreOptions } from '../sinks/index.ts';
import { ownView } from './own-view.ts';

const T = Date.UTC(2026, 10, 2, 12);
const RANGE = { from: T, to: T + 60_000, windowMs: 10_000 } as const;
const rooms = { topic: topic('own.rooms', 'series', 'warmth of rooms'), by: ['room', 'floor'], ms: 10_000 };
const tills = { topic: topic('own.tills', 'series', 'money in tills'), by: ['till'], ms: null };
const own = { 'own.rooms': OWN_RETENTION, 'own.tills': OWN_RETENTION };

const dir = mkdtempSync(join(tmpdir(), 'headwater-own-'));
let store: Store;
afterEach(() => {
  store.close();
  rmSync(dir, { recursive: true, force: true });
});

function open(retention: StoreOptions['retention'] = own): void {
  store = openStore({ file: join(dir, 'results.sqlite'), retention });
}

const offsets = new Map<string, number>();
function put(topic: string, ...rows: object[]): void {
  const intake = openIntake(
    store,
    () => T,
    (error) => {
      throw error;
    },
  );
  const from = offsets.get(topic) ?? 0;
  offsets.set(topic, from + rows.length);
  const records = rows.map((row, i) => ({
    key: null,
    value: Buffer.from(JSON.stringify(row)),
    headers: {},
    partition: 0,
    offset: from + i,
    appendedAt: T,
  }));
  const next = from + rows.length;
  intake.accept({ topic, partition: 0, records, from, next, highWatermark: next });
}

const row = (series: string, n: number, more: object) => {
  const windowStart = T + n * 10_000;
  return { series, windowStart, windowEnd: windowStart + 10_000, revision: 0, ...more };
};

test('windows of own jobs are shown by series and column, whatever the columns are', () => {
  open();
  const of = (room: string, n: number, count: number, mean: number | null) =>
    row(room, n, { room, floor: 3, unit: 'Cel', count, mean });
  put('own.rooms', of('hall', 0, 2, 20), of('attic', 0, 9, 28), of('hall', 1, 2, null), of('hall', 3, 2, 21.5));
  put('own.rooms', { ...of('hall', 0, 3, 20.5), revision: 1 });
  const seen = ownView(store, [rooms, tills], { series: 'hall' }, RANGE);
  expect(seen).toMatchObject({
    topics: [
      { name: 'own.rooms', description: 'warmth of rooms' },
      { name: 'own.tills', description: 'money in tills' },
    ],
    topic: 'own.rooms',
    windowMs: 10_000,
    columns: ['count', 'mean'],
    seriesCount: 2,
    shown: {
      series: 'hall',
      start: [T, T + 10_000, T + 30_000],
      values: { count: [3, 2, 2], mean: [20.5, null, 21.5] },
    },
  });
  expect(seen.latest.map(({ series, mean }) => [series, mean])).toEqual([
    ['attic', 28],
    ['hall', 21.5],
  ]);
});

test('money is a number to the chart and itself in the table; a series without a count is one all the same', () => {
  open();
  put('own.tills', row('till-1', 0, { till: 'till-1', sum: '12.50', mergedInto: null }));
  expect(ownView(store, [rooms, tills], { topic: 'own.tills' }, RANGE)).toMatchObject({
    windowMs: null,
    columns: ['sum'],
    latest: [{ sum: '12.50' }],
    shown: { series: 'till-1', values: { sum: [12.5] } },
  });
});

test('a topic without windows yet, and a hub without own jobs, are shown as such', () => {
  open();
  const nothing = { columns: [], latest: [], seriesCount: 0, shown: { series: null, start: [], values: {} } };
  expect(ownView(store, [rooms], {}, RANGE)).toMatchObject({ topic: 'own.rooms', ...nothing });
  expect(ownView(store, [], {}, RANGE)).toMatchObject({ topics: [], topic: null, ...nothing });
});

test('windows of a job that was taken from the hub go, and are read anew when it comes back', () => {
  open();
  put('own.rooms', row('hall', 0, { count: 1 }));
  store.close();
  open({});
  expect(store.prune(T)).toBeGreaterThan(0);
  store.close();
  open();
  expect(store.series('own.rooms', 'hall', RANGE.from, RANGE.to)).toEqual([]);
  expect(store.position({ topic: 'own.rooms', partition: 0 })).toBeUndefined();
});
