import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Place, WeatherObservation } from '../../contract/index.ts';
import { startWeather } from './index.ts';

const MINUTE = 60_000;
const START = Date.UTC(2026, 10, 2);
const places = [
  { id: 'valley', sites: ['a', 'b'], meanC: 12 },
  { id: 'peak', sites: ['c'], meanC: -3 },
];
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'headwater-weather-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** A day of it. */
async function aDay(seed: number): Promise<WeatherObservation[]> {
  let time = START;
  const weather = startWeather({ dir: join(dir, `${seed}`), seed, everyMs: 10 * MINUTE, places, now: () => time });
  time = START + 24 * 60 * MINUTE - 1;
  const read = () =>
    readFileSync(join(dir, `${seed}`, 'weather.jsonl'), 'utf8')
      .trim()
      .split('\n');
  await vi.waitFor(() => expect(read()).toHaveLength(2 * 144), { timeout: 30_000 });
  await weather.close();
  return read().map((line) => WeatherObservation.parse(JSON.parse(line)));
}

test('every place has an observation each time, within what weather can be', async () => {
  const day = await aDay(1);
  expect(day.filter(({ ts }) => ts === START).map(({ place }) => place)).toEqual(['valley', 'peak']);
  const mean = (place: string) => {
    const values = day.filter((o) => o.place === place).map((o) => o.temperature);
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  };
  expect(Math.abs(mean('valley') - 12)).toBeLessThan(4);
  expect(Math.abs(mean('peak') + 3)).toBeLessThan(4);
  for (const { humidity, windSpeed, pressure } of day) {
    expect(humidity).toBeGreaterThanOrEqual(15);
    expect(humidity).toBeLessThanOrEqual(100);
    expect(windSpeed).toBeGreaterThanOrEqual(0);
    expect(Math.abs(pressure! - 1_014)).toBeLessThan(20);
  }
});

test('which sites have the weather of which place is told beforehand', async () => {
  await aDay(2);
  const reference: unknown[] = JSON.parse(readFileSync(join(dir, '2', 'places.json'), 'utf8'));
  expect(reference.map((place) => Place.parse(place))).toEqual([
    { id: 'valley', sites: ['a', 'b'] },
    { id: 'peak', sites: ['c'] },
  ]);
});
