import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Intake, openIntake, openStore, type Store } from '../sinks/index.ts';
import { sitesView } from './sites-view.ts';

const NOW = 1_790_000_000_000;
const MINUTE = 60_000;
let dir: string;
let store: Store;
let intake: Intake;
const offsets = new Map<string, number>();

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'headwater-sites-'));
  store = openStore({ file: join(dir, 'results.sqlite') });
  intake = openIntake(
    store,
    () => NOW,
    () => {},
  );
  offsets.clear();
});
afterEach(() => {
  store.close();
  rmSync(dir, { recursive: true });
});

function put(topic: string, value: object): void {
  const from = offsets.get(topic) ?? 0;
  offsets.set(topic, from + 1);
  const record = { key: null, value: Buffer.from(JSON.stringify(value)), headers: {}, partition: 0, offset: from };
  const records = [{ ...record, appendedAt: NOW }];
  intake.accept({ topic, partition: 0, records, from, next: from + 1, highWatermark: from + 1 });
}

function comfort(minutesAgo: number, site: string, temperature: number): void {
  const windowStart = Math.floor(NOW / MINUTE) * MINUTE - minutesAgo * MINUTE;
  const row = { series: `${site}/room`, windowStart, windowEnd: windowStart + MINUTE, revision: 0, count: 6 };
  const air = { temperature, humidity: 50, discomfort: temperature - 2 };
  put('iot.sites.comfort.1m', { ...row, site, type: 'room', devices: 2, ...air });
}

function weather(minutesAgo: number, site: string, temperature: number): void {
  const ts = NOW - minutesAgo * MINUTE;
  put('weather.sites', { site, place: 'city', provider: 'test', temperature, ts });
}

test('a site shows how it feels now, and the latest weather outside', () => {
  for (const [minutes, degrees] of [
    [3, 20],
    [2, 25],
  ] as const)
    comfort(minutes, 'basel', degrees);
  comfort(2, 'zug', 19);
  comfort(60, 'closed', 19);
  for (const [minutes, degrees] of [
    [30, 8],
    [10, 9],
  ] as const)
    weather(minutes, 'basel', degrees);
  weather(24 * 60, 'zug', 5);
  expect(sitesView(store, NOW)).toEqual([
    expect.objectContaining({
      ...{ series: 'basel/room', site: 'basel', type: 'room', devices: 2, temperature: 25, humidity: 50 },
      ...{ discomfort: 23, outside: expect.objectContaining({ temperature: 9 }) },
    }),
    expect.objectContaining({ site: 'zug', temperature: 19, outside: null }),
  ]);
});

test('who is silent is known until it is back', () => {
  const silence = (state: string, device: string) => {
    const of = { series: `gw-1/${device}`, kind: 'device', cause: 'no-readings', gateway: 'gw-1', site: 'basel' };
    put('iot.silences', { id: device, ...of, state, device, since: NOW - 9 * MINUTE, usualMs: 10_000, ts: NOW });
  };
  silence('silent', 'a');
  silence('silent', 'b');
  silence('silent', 'c');
  silence('back', 'b');
  silence('forgotten', 'c');
  expect(store.current('iot.silences')).toMatchObject([{ device: 'a', state: 'silent' }]);
});
