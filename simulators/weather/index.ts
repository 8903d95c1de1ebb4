import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Place, WeatherObservation } from '../../contract/index.ts';
import { type PlaybackOptions, playToFile, type TimedLine } from '../playback/index.ts';
import { type Random, seeded } from '../random/index.ts';

export interface WeatherOptions extends Omit<PlaybackOptions, 'file'> {
  /** Where `weather.jsonl` and `places.json` are written. */
  readonly dir: string;
  readonly seed: number;
  readonly everyMs: number;
  readonly places: readonly (Place & { readonly meanC: number })[];
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Writes what weather services say of some places, live, until closed: one JSON object a line. The first observations come at once. */
export function startWeather({ dir, seed, everyMs, places, ...options }: WeatherOptions): { close(): Promise<void> } {
  mkdirSync(dir, { recursive: true });
  const reference = places.map(({ meanC: _, ...place }) => place);
  writeFileSync(join(dir, 'places.json'), `${JSON.stringify(reference, undefined, 1)}\n`);
  const startAt = (options.now ?? Date.now)();
  const skies = places.map(({ id, meanC }, i) => sky(id, meanC, seeded(seed * 7_919 + i)));
  function* lines(): Generator<TimedLine> {
    for (let at = startAt; ; at += everyMs)
      for (const observe of skies) yield { at, bytes: Buffer.from(JSON.stringify(observe(at))) };
  }
  return playToFile(lines(), { ...options, file: join(dir, 'weather.jsonl') });
}

/** The weather of a place: warm in the afternoon, dry when it is warm, with fronts that come and go over hours. */
export function sky(place: string, meanC: number, random: Random): (t: number) => WeatherObservation {
  const [front, gusts, pressure] = [2 * random.uniform(), random.uniform(), random.uniform()];
  const wave = (t: number, hours: number, phase: number) => Math.sin(2 * Math.PI * (t / (hours * HOUR) + phase));
  return (t) => {
    const daily = Math.sin((2 * Math.PI * (t - DAY * 0.375)) / DAY);
    const temperature = meanC + 4 * daily + 3 * wave(t, 31, front) + 0.3 * random.normal();
    return {
      place,
      provider: 'simulated',
      temperature: round(temperature),
      humidity: Math.round(Math.min(100, Math.max(15, 72 - 3 * (temperature - meanC) + 4 * random.normal()))),
      pressure: round(1_014 + 9 * wave(t, 53, pressure)),
      windSpeed: round(Math.max(0, 3 + 2 * wave(t, 7, gusts) + 0.8 * random.normal())),
      ts: t,
    };
  };
}

const round = (value: number) => Number(value.toFixed(1));
