import { describe, expect, test } from 'vitest';
import { METRICS } from '../../contract/index.ts';
import { seeded } from '../random/index.ts';
import { outages, withFaults } from './faults.ts';
import { climate, coldStore, machine, meter, type Process } from './physics.ts';
import { planDevices } from './plan.ts';

const START = 1_800_000_000_000;
const HOUR = 3_600_000;

function sample(process: Process, hours: number, everyMs = 1_000): Record<string, number>[] {
  return Array.from({ length: (hours * HOUR) / everyMs }, (_, i) => process(START + i * everyMs));
}

function correlation(a: number[], b: number[]): number {
  const mean = (x: number[]) => x.reduce((sum, v) => sum + v, 0) / x.length;
  const [ma, mb] = [mean(a), mean(b)];
  const dot = (x: number[], mx: number, y: number[], my: number) =>
    x.reduce((sum, v, i) => sum + (v - mx) * (y[i]! - my), 0);
  return dot(a, ma, b, mb) / Math.sqrt(dot(a, ma, a, ma) * dot(b, mb, b, mb));
}

describe.each([
  ['climate', climate],
  ['cold store', coldStore],
  ['machine', (random: ReturnType<typeof seeded>) => machine(random, true)],
  ['meter', meter],
])('%s', (_name, make) => {
  test('stays within what each metric can be, for a day, with faults', () => {
    const random = seeded(7);
    const day = sample(withFaults(make(random), random), 24, 5_000);
    for (const metric of Object.keys(day[0]!)) {
      const values = day.map((one) => one[metric]!);
      expect(Math.min(...values)).toBeGreaterThanOrEqual(METRICS[metric]!.min);
      expect(Math.max(...values)).toBeLessThanOrEqual(METRICS[metric]!.max);
    }
  });

  test('measures the same again with the same seed', () => {
    expect(sample(make(seeded(3)), 0.1)).toEqual(sample(make(seeded(3)), 0.1));
    expect(sample(make(seeded(3)), 0.1)).not.toEqual(sample(make(seeded(4)), 0.1));
  });
});

test('a warm room is dry, and is warmest in the afternoon', () => {
  const day = sample(climate(seeded(1)), 24, 10_000);
  const [temperature, humidity] = [day.map((v) => v.temperature!), day.map((v) => v.humidity!)];
  expect(correlation(temperature, humidity)).toBeLessThan(-0.6);
  const hourly = Array.from({ length: 24 }, (_, hour) => {
    const values = day.filter((_, i) => new Date(START + i * 10_000).getUTCHours() === hour).map((v) => v.temperature!);
    return values.reduce((sum, v) => sum + v, 0) / values.length;
  });
  expect(hourly.indexOf(Math.max(...hourly))).toBeGreaterThanOrEqual(11);
  expect(hourly.indexOf(Math.max(...hourly))).toBeLessThanOrEqual(18);
});

test('a wearing bearing shakes more and more, a sound one does not', () => {
  const loudest = (values: Record<string, number>[]) => Math.max(...values.map((v) => v.vibration!));
  const failing = sample(machine(seeded(5), true), 0.29);
  expect(loudest(failing.slice(-300))).toBeGreaterThan(2 * loudest(failing.slice(0, 180)));
  expect(loudest(sample(machine(seeded(5), false), 3))).toBeLessThan(5);
});

test('sensors stick, spike and drift now and then', () => {
  const random = seeded(2);
  const values = sample(withFaults(climate(random), random), 12).map((v) => v.temperature!);
  const stuck = values.some((_, i) => i > 60 && values.slice(i - 60, i).every((v) => v === values[i]));
  const spikes = values.filter((v, i) => i > 0 && v > 1.5 * values[i - 1]!).length;
  expect(stuck).toBe(true);
  expect(spikes).toBeGreaterThan(5);
});

test('outages come and end', () => {
  const offline = outages(seeded(1), 10 * 60_000, 40_000);
  const states = Array.from({ length: 4 * 3_600 }, (_, i) => offline(START + i * 1_000));
  const begins = states.filter((state, i) => state && !states[i - 1]).length;
  expect(begins).toBeGreaterThan(5);
  expect(states.filter(Boolean).length / states.length).toBeLessThan(0.2);
});

test('a plan has unique ids, several sites and types', () => {
  const plan = planDevices(40, 1, true).map(({ reference }) => reference);
  expect(new Set(plan.map(({ id }) => id)).size).toBe(40);
  expect(new Set(plan.map(({ site }) => site)).size).toBe(3);
});
