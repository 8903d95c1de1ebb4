import { expect, test } from 'vitest';
import { DeadLetterRate } from './dead-letter-rate.ts';

test('noise of a day becomes a few thousand dead letters, and each says how many were held back before it', () => {
  const rate = new DeadLetterRate(0);
  const day = 86_400_000;
  let letters = 0;
  let held = 0;
  let unreadable = 0;
  for (let now = 0; now < day; now += 100) {
    unreadable++;
    const before = rate.next(now);
    if (before === undefined) continue;
    letters++;
    held += before;
  }
  expect(letters).toBeLessThan(3_000);
  expect(letters).toBeGreaterThan(2_000);
  expect(unreadable - letters - held).toBeLessThan(400);
});

test('the first few are all kept', () => {
  const rate = new DeadLetterRate(0);
  const kept = Array.from({ length: 30 }, () => rate.next(1)).filter((before) => before !== undefined);
  expect(kept).toHaveLength(20);
});
