import { linearRegression, mean, quantile, standardDeviation } from 'simple-statistics';
import { expect, test } from 'vitest';
import { seeded, zipf } from './index.ts';

const draws = (count: number, draw: () => number) => Array.from({ length: count }, draw);

test('a seed fixes every draw, and another seed gives others', () => {
  const first = draws(100, seeded(1).uniform);
  expect(draws(100, seeded(1).uniform)).toEqual(first);
  expect(draws(100, seeded(2).uniform)).not.toEqual(first);
});

test('the distributions have the moments they should', () => {
  const random = seeded(3);
  const uniform = draws(20_000, random.uniform);
  expect(mean(uniform)).toBeCloseTo(0.5, 1);
  expect(standardDeviation(uniform)).toBeCloseTo(Math.sqrt(1 / 12), 1);
  const normal = draws(20_000, random.normal);
  expect(mean(normal)).toBeCloseTo(0, 1);
  expect(standardDeviation(normal)).toBeCloseTo(1, 1);
  expect(mean(draws(20_000, () => random.exponential(4))) / 4).toBeCloseTo(1, 1);
  expect(
    quantile(
      draws(20_000, () => random.logNormal(25, 0.8)),
      0.5,
    ) / 25,
  ).toBeCloseTo(1, 1);
  expect(new Set(draws(1_000, () => random.between(3, 5)))).toEqual(new Set([3, 4, 5]));
});

test("Zipf's law: the logarithm of the frequency falls with that of the rank by the exponent", () => {
  const ranks = Array.from({ length: 20 }, (_, i) => i);
  const draw = zipf(seeded(5), ranks, 1.2);
  const counts = ranks.map(() => 0);
  for (let i = 0; i < 100_000; i++) counts[draw()]!++;
  const { m } = linearRegression(counts.map((count, rank) => [Math.log(rank + 1), Math.log(count)]));
  expect(m).toBeCloseTo(-1.2, 1);
});
