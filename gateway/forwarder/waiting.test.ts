import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backOffMs } from './waiting.ts';

const LIMITS = { firstRetryMs: 100, lastRetryMs: 30_000 };

test('the wait before another try doubles with each failure up to the longest', () => {
  const waits = [0, 1, 2, 3, 4, 9, 10, 1_000, Number.POSITIVE_INFINITY].map((n) => backOffMs(n, LIMITS, () => 1));
  expect(waits).toEqual([100, 100, 200, 400, 800, 25_600, 30_000, 30_000, 30_000]);
});

test('chance spreads it over its upper half, so that gateways cut off together do not come back together', () => {
  fc.assert(
    fc.property(fc.nat(100), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (failures, chance) => {
      const most = backOffMs(failures, LIMITS, () => 1);
      const wait = backOffMs(failures, LIMITS, () => chance);
      expect(wait).toBeCloseTo(most / 2 + (chance * most) / 2);
    }),
  );
});
