import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createDetector, DETECTORS, type DetectorOptions, type Verdict } from './index.ts';

const NAMES = Object.keys(DETECTORS);
const STEP_MS = 300_000;
const START = Date.UTC(2025, 5, 1);

/** A repeatable standard normal noise: the sum of twelve uniforms of a linear congruential generator. */
function noise(seed: number): () => number {
  let state = seed;
  const uniform = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  return () => Array.from({ length: 12 }, uniform).reduce((sum, x) => sum + x, -6);
}

function verdicts(name: string, values: readonly number[], options?: DetectorOptions): Verdict[] {
  const detector = createDetector(name, options);
  return values.map((value, i) => detector.observe(START + i * STEP_MS, value));
}

const anomaliesIn = (all: readonly Verdict[], from = 0, to = all.length) =>
  all.flatMap((verdict, i) => (verdict.isAnomaly && i >= from && i < to ? [i] : []));

function series(length: number, shape: (i: number, noise: number) => number, seed = 7): number[] {
  const draw = noise(seed);
  return Array.from({ length }, (_, i) => shape(i, draw()));
}

describe.each(NAMES)('the %s detector', (name) => {
  test('goes on from its state in JSON exactly as if it had not stopped', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ noNaN: true }), { minLength: 1, maxLength: 400 }),
        fc.nat(400),
        (values, cut) => {
          const detector = createDetector(name);
          const resumed = createDetector(name);
          values.forEach((value, i) => {
            if (i === cut) resumed.restore(JSON.parse(JSON.stringify(detector.state())));
            const verdict = detector.observe(START + i * STEP_MS, value);
            if (i >= cut) expect(resumed.observe(START + i * STEP_MS, value)).toEqual(verdict);
          });
        },
      ),
    );
  });

  test('gives scores of 0 to 1 for any values, and no NaN', () => {
    const value = fc.oneof(fc.double(), fc.constantFrom(0, 1e308, -1e308, Number.NaN, Number.POSITIVE_INFINITY));
    fc.assert(
      fc.property(fc.array(value, { minLength: 200, maxLength: 400 }), (values) => {
        for (const { score } of verdicts(name, values)) {
          expect(score).toBeGreaterThanOrEqual(0);
          expect(score).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  test('keeps at most 2 KB of state', () => {
    const detector = createDetector(name);
    series(20_000, (i, n) => Math.PI * (i % 288) + n / 3).forEach(
      (v, i) => void detector.observe(START + i * STEP_MS, v),
    );
    expect(JSON.stringify(detector.state()).length).toBeLessThanOrEqual(2_048);
  });

  test('finds a spike when it comes, once, in a quiet series', () => {
    const all = verdicts(
      name,
      series(2_000, (i, n) => 20 + 0.2 * n + (i === 1_500 ? 8 : 0)),
    );
    expect(anomaliesIn(all, 1_495, 1_600)).toEqual([1_500]);
    expect(all[1_500]!.expected).toBeCloseTo(20, 0);
  });

  test('says nothing of a constant series, or before it has seen enough', () => {
    expect(
      anomaliesIn(
        verdicts(
          name,
          series(3_000, () => 21.5),
        ),
      ),
    ).toEqual([]);
    expect(
      anomaliesIn(
        verdicts(
          name,
          series(100, (i, n) => n + (i === 60 ? 50 : 0)),
        ),
      ),
    ).toEqual([]);
  });

  test('refuses the state of another detector', () => {
    for (const state of [null, {}, { detector: 'other', version: 1 }])
      expect(() => createDetector(name).restore(state)).toThrow(/not the state of the/);
  });
});

describe('the adaptive detector', () => {
  test('raises false alarms on plain noise as seldom as its threshold says', () => {
    const values = series(20_000, (_, n) => 5 + n);
    expect(anomaliesIn(verdicts('adaptive', values)).length).toBeLessThanOrEqual(30);
    expect(anomaliesIn(verdicts('adaptive', values, { threshold: 5 })).length).toBeLessThanOrEqual(1);
  });

  test('finds a shift of the level that no single value shows', () => {
    const all = verdicts(
      'adaptive',
      series(3_000, (i, n) => 10 + n + (i >= 2_000 ? 2.5 : 0)),
    );
    const [first] = anomaliesIn(all, 2_000, 2_100);
    expect(first).toBeDefined();
    expect(all[first!]!.reason).toMatch(/level has shifted/);
  });

  test('finds a sensor that got stuck', () => {
    const draw = noise(3);
    let last = 0;
    const all = verdicts(
      'adaptive',
      series(3_000, (i) => (last = i >= 2_000 && i < 2_300 ? last : 40 + 3 * draw())),
    );
    const [first] = anomaliesIn(all, 2_000, 2_150);
    expect(first).toBeDefined();
    expect(all[first!]!.reason).toMatch(/stuck/);
  });

  test('knows what hour it is: an ordinary value at the wrong time of day is one', () => {
    const day = (i: number) => (i % 288 >= 96 && i % 288 < 240 ? 100 : 20);
    const odd = 288 * 15 + 60;
    const all = verdicts(
      'adaptive',
      series(288 * 16, (i, n) => (i >= odd && i < odd + 12 ? 100 : day(i)) + n),
    );
    expect(anomaliesIn(all, odd, odd + 6).length).toBeGreaterThan(0);
    expect(anomaliesIn(all, 288 * 6, odd).length).toBeLessThanOrEqual(2);
  });

  test('is not blinded by one absurd value', () => {
    const all = verdicts(
      'adaptive',
      series(3_000, (i, n) => (i === 1_000 ? 1e9 : 20 + 0.2 * n + (i === 2_500 ? 8 : 0))),
    );
    expect(all[1_000]!.isAnomaly).toBe(true);
    expect(all[2_500]!.isAnomaly).toBe(true);
    expect(anomaliesIn(all, 1_000).length).toBeLessThanOrEqual(6);
  });

  test('makes one anomaly of one event', () => {
    const all = verdicts(
      'adaptive',
      series(3_000, (i, n) => 10 + n + (i >= 2_000 && i < 2_020 ? 40 : 0)),
    );
    expect(anomaliesIn(all, 2_000, 2_200).length).toBeLessThanOrEqual(3);
  });
});
