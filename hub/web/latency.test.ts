import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createLatencyRecorder } from './latency.ts';

test('quantiles are within 5 % of the true ones', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 600_000 }), { minLength: 1, maxLength: 300 }), (values) => {
      const recorder = createLatencyRecorder();
      for (const ms of values) recorder.record(ms, 0);
      const sorted = values.toSorted((a, b) => a - b);
      const { p50, p99 } = recorder.read(0);
      for (const [q, found] of [
        [0.5, p50],
        [0.99, p99],
      ] as const) {
        const exact = sorted[Math.ceil(q * sorted.length) - 1]!;
        expect(Math.abs(found! - exact)).toBeLessThanOrEqual(exact * 0.05);
      }
    }),
  );
});

test('two milliseconds are told within 5 % too, though one decimal would not do', () => {
  const recorder = createLatencyRecorder();
  recorder.record(2, 0);
  expect(Math.abs(recorder.read(0).p50! - 2)).toBeLessThan(0.1);
});

test('everything ever recorded is counted for Prometheus, in seconds, each bound with those below it', () => {
  const recorder = createLatencyRecorder();
  for (const ms of [5, 10, 400, 2_000, 900_000, -40]) recorder.record(ms, 0);
  const { atMost, count, sum } = recorder.counted();
  expect(count).toBe(6);
  expect(sum).toBeCloseTo(902.415, 6);
  const of = new Map(atMost);
  expect([of.get(0.01), of.get(0.25), of.get(0.5), of.get(2.5), of.get(300)]).toEqual([3, 3, 4, 5, 5]);
});

test('what is older than a minute no longer counts, and clocks that disagree count as no delay', () => {
  const recorder = createLatencyRecorder();
  recorder.record(5_000, 0);
  recorder.record(-40, 55_000);
  expect(recorder.read(55_000).p99).toBeGreaterThan(4_700);
  expect(recorder.read(69_000)).toEqual({ p50: 1, p99: 1 });
  expect(recorder.read(200_000)).toEqual({ p50: null, p99: null });
});
