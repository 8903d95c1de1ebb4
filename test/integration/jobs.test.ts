import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  encode,
  formatIdentity,
  type Health,
  type Reading,
  type ReadingWindow,
  type SiteWindow,
  TOPICS,
  type Transaction,
  type TransactionWindow,
  type WeatherObservation,
  type WeatherReading,
  type WebRequest,
  type WebWindow,
} from '../../contract/index.ts';
import { steps } from '../../hub/jobs/index.ts';
import { provision } from '../../hub/topics/index.ts';
import type { OutgoingRecord } from '../../kafka/index.ts';
import { runSteps } from '../../streams/runtime/index.ts';
import { collect, openTestBed, send, type TestBed, until } from '../support/testbed.ts';

const SECONDS = 120;
const TEN = 10_000;
/** Long enough ago that every window is over once silence has set in. */
const start = Math.floor((Date.now() - (SECONDS + 60) * 1_000) / 60_000) * 60_000;
const log = { info() {}, warn() {}, error() {} };
const value = <T>(record: { value: Buffer | null }) => JSON.parse(String(record.value)) as T;

let bed: TestBed;

beforeAll(async () => {
  bed = await openTestBed();
  await provision(bed.as('admin'), 1);
});
afterAll(() => bed?.close());

/** What a gateway of five devices forwards in some seconds; each sends a value a second. */
function forwarded(gateway: string, from: number, to: number): OutgoingRecord[] {
  return Array.from({ length: (to - from) * 5 }, (_, i) => {
    const n = from * 5 + i;
    const device = `${gateway}-d${n % 5}`;
    const second = Math.floor(n / 5);
    const ts = start + second * 1_000;
    const times = { ts, receivedAt: ts };
    const what = { metric: 'temperature', value: second, unit: 'Cel' };
    const reading: Reading = { device, gateway, site: 'default', ...what, ...times };
    const id = formatIdentity({ incarnation: 'abc', lane: 'live', sequence: n + 1 });
    return { key: gateway, value: encode(reading), headers: { v: '1', id } };
  });
}

function requests(from: number, to: number): OutgoingRecord[] {
  return Array.from({ length: (to - from) * 20 }, (_, i) => {
    const clientIp = `10.0.0.${i % 37}`;
    const more = { method: 'GET', bytes: 1, status: i % 10 === 0 ? 503 : 200, durationMs: 50 + (i % 100) };
    const ts = start + (from + Math.floor(i / 20)) * 1_000;
    const request: WebRequest = { clientIp, path: `/items/${i % 7}`, ...more, ts };
    return { key: clientIp, value: encode(request), headers: { v: '1' } };
  });
}

function transactions(from: number, to: number): OutgoingRecord[] {
  return Array.from({ length: (to - from) * 4 }, (_, i) => {
    const account = `acc-${i % 4}`;
    const ts = start + (from + Math.floor(i / 4)) * 1_000;
    const what = { counterparty: 'shop', amount: '0.10', currency: 'EUR', type: 'card' } as const;
    const transaction: Transaction = { id: `t-${from}-${i}`, account, ...what, ts };
    return { key: account, value: encode(transaction), headers: { v: '1' } };
  });
}

/** The last revision of each row. */
function finals<T extends { series: string; windowStart: number; revision: number }>(rows: readonly T[]): T[] {
  const last = new Map<string, T>();
  for (const row of rows) {
    const key = `${row.series}@${row.windowStart}`;
    expect(row.revision, key).toBe((last.get(key)?.revision ?? -1) + 1);
    last.set(key, row);
  }
  return [...last.values()];
}

test('all jobs over real Kafka, closed in the middle: every window is whole, and every reading counts once', async () => {
  const topics = [
    TOPICS.readings10s,
    TOPICS.webRequests10s,
    TOPICS.transactions1m,
    TOPICS.health,
    TOPICS.deadLetters,
    TOPICS.late,
    TOPICS.sites1m,
    TOPICS.weatherReadings,
    TOPICS.siteWeather,
  ];
  const [readings, web, finance, health, letters, late, sites, weathered, weather] = await Promise.all(
    topics.map((t) => collect(bed, t.name)),
  );
  const devices = ['a', 'b'].flatMap((gateway) => [0, 1, 2, 3, 4].map((n) => `${gateway}-d${n}`));
  await send(
    bed,
    'sources',
    TOPICS.devices.name,
    devices.map((id) => ({ key: id, value: encode({ id, site: 'roof', type: 'climate' }) })),
  );
  const observation = { place: 'city', provider: 'test', temperature: 8.5, ts: start };
  // Known before the first reading, as it is on a platform that has run for a while.
  const known = encode({ ...observation, site: 'roof' });
  await send(bed, 'hub', TOPICS.siteWeather.name, [{ key: 'roof', value: known }]);
  const place = encode({ id: 'city', sites: ['roof'] });
  await send(bed, 'sources', TOPICS.places.name, [{ key: 'city', value: place }]);
  await send(bed, 'sources', TOPICS.weather.name, [
    { key: 'city', value: encode({ ...observation, temperature: 9, ts: start + 60_000 }) },
  ]);
  const feed = async (from: number, to: number, again = 0) => {
    for (const gateway of ['a', 'b'])
      await send(bed, 'gateway', TOPICS.raw.name, forwarded(gateway, Math.max(0, from - again), to));
    await send(bed, 'sources', TOPICS.webRequests.name, requests(from, to));
    await send(bed, 'sources', TOPICS.transactions.name, transactions(from, to));
  };
  await feed(0, 40);
  const first = runSteps(steps(), { kafka: bed.as('hub'), log });
  await until('first windows', 60, () => readings!.records.length >= 20 && web!.records.length >= 2);
  await feed(40, 75, 10);
  await first.close();
  await feed(75, SECONDS, 20);

  const second = runSteps(steps(), { kafka: bed.as('hub'), log });
  const windows = SECONDS / 10;
  try {
    await until('every window', 60, () => {
      const requestsSeen = finals(web!.records.map(value<WebWindow>)).reduce((sum, row) => sum + row.count, 0);
      const transactionsSeen = finals(finance!.records.map(value<TransactionWindow>)).reduce(
        (sum, row) => sum + row.count,
        0,
      );
      return (
        finals(readings!.records.map(value<ReadingWindow>)).length === 10 * windows &&
        requestsSeen === SECONDS * 20 &&
        transactionsSeen === SECONDS * 4 &&
        finals(sites!.records.map(value<SiteWindow>)).length === SECONDS / 60 &&
        weathered!.records.length >= 2 * 5 * SECONDS
      );
    });
  } finally {
    await second.close();
  }

  for (const row of finals(readings!.records.map(value<ReadingWindow>))) {
    const from = (row.windowStart - start) / 1_000;
    expect(row).toMatchObject({ count: 10, min: from, max: from + 9, mean: from + 4.5, site: 'roof', type: 'climate' });
  }
  for (const row of finals(sites!.records.map(value<SiteWindow>))) {
    const from = (row.windowStart - start) / 1_000;
    const of = { site: 'roof', type: 'climate', metric: 'temperature', unit: 'Cel', devices: 10 };
    expect(row).toMatchObject({ ...of, count: 600, min: from, max: from + 59, mean: from + 29.5 });
  }
  const together = (await weathered!.toEnd()).map(value<WeatherReading>);
  expect(new Set(together.map(({ device, ts }) => `${device}@${ts}`)).size).toBe(2 * 5 * SECONDS);
  expect(together).toHaveLength(2 * 5 * SECONDS);
  expect(new Set(together.map(({ outside }) => outside.temperature))).toEqual(new Set([8.5]));
  expect((await weather!.toEnd()).map(value<WeatherObservation>).map(({ temperature }) => temperature)).toEqual([
    8.5, 9,
  ]);
  const paths = finals(web!.records.map(value<WebWindow>));
  expect(new Set(paths.map(({ path }) => path))).toEqual(new Set(['/items/:id']));
  expect(
    paths
      .map(({ windowStart, count, errorShare }) => [(windowStart - start) / TEN, count, errorShare])
      .sort(([a], [b]) => a! - b!),
  ).toEqual(Array.from({ length: windows }, (_, n) => [n, 200, 0.1]));
  for (const row of finals(finance!.records.map(value<TransactionWindow>)))
    expect(row).toMatchObject({ count: 60, sum: '6' });

  const told = new Map((await health!.toEnd()).map((record) => [record.key, value<Health>(record).counts]));
  const total = (count: string) => [...told.values()].reduce((sum, counts) => sum + (counts[count] ?? 0), 0);
  expect([total('counted'), total('duplicatesDropped'), total('gaps')]).toEqual([2 * 5 * SECONDS, 2 * 5 * 30, 0]);
  expect([await letters!.toEnd(), await late!.toEnd()]).toEqual([[], []]);
  await Promise.all(
    [readings, web, finance, health, letters, late, sites, weathered, weather].map((topic) => topic!.close()),
  );
});
