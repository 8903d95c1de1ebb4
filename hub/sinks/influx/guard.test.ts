import { expect, test } from 'vitest';
import { type Overflow, openGuard } from './guard.ts';

const DAY = 86_400_000;

function guarded(maxSeries: number) {
  const warnings: Overflow[] = [];
  const time = { now: 10 * DAY };
  const guard = openGuard({ maxSeries, clock: () => time.now, warn: (overflow) => warnings.push(overflow) });
  return { guard, warnings, time, admit: (n: number, m = 'm') => guard.admit(m, `${m},path=/${n},site=s`) };
}

test('series beyond the limit are turned away, told once an hour each; known ones go on; other measurements have a limit of their own', () => {
  const { guard, warnings, time, admit } = guarded(3);
  expect([0, 1, 2, 3, 3, 4, 1].map((n) => admit(n))).toEqual([
    'stored',
    'stored',
    'stored',
    'told',
    'dropped',
    'told',
    'stored',
  ]);
  expect(admit(3, 'other')).toBe('stored');
  expect(guard.turnedAway()).toBe(3);
  expect(warnings).toEqual([{ measurement: 'm', maxSeries: 3, tag: 'path', values: 4 }]);
  time.now += 3_600_000;
  expect(admit(3)).toBe('told');
  expect(warnings).toHaveLength(2);
});

test('series that were not seen for a day make room', () => {
  const { time, admit } = guarded(2);
  admit(0);
  admit(1);
  time.now += DAY;
  expect([2, 1, 3].map((n) => admit(n))).toEqual(['told', 'stored', 'told']);
  time.now += DAY;
  expect([1, 2, 3].map((n) => admit(n))).toEqual(['stored', 'stored', 'told']);
});

test('what is told of turned-away series is bounded too', () => {
  const { admit } = guarded(2);
  const admissions = Array.from({ length: 10 }, (_, n) => admit(n));
  expect(admissions.filter((a) => a === 'told')).toHaveLength(2);
  expect(admissions.filter((a) => a === 'dropped')).toHaveLength(6);
});
