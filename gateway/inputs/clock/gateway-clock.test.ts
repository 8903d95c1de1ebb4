import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from './gateway-clock.ts';

const NOON = Date.UTC(2027, 0, 15, 12);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test.each([
  ['1970', 0],
  ['the end of time', 8_640_000_000_000_000],
])('a clock that was set and is put to %s goes on', (_name, wrong) => {
  vi.setSystemTime(NOON);
  const clock = systemClock();
  expect(clock.isSet()).toBe(true);
  expect(clock.now()).toBe(NOON);
  vi.setSystemTime(wrong);
  expect(clock.isSet()).toBe(true);
  expect(clock.now() - NOON).toBeLessThan(60_000);
  expect(clock.now()).toBeGreaterThanOrEqual(NOON);
});

test('a clock that was never set is not, until it is', () => {
  vi.setSystemTime(1_000);
  const clock = systemClock();
  expect(clock.isSet()).toBe(false);
  vi.setSystemTime(NOON);
  expect(clock.isSet()).toBe(true);
  expect(clock.now()).toBe(NOON);
});

test('a clock that is set back by a year is believed', () => {
  vi.setSystemTime(NOON);
  const clock = systemClock();
  vi.setSystemTime(NOON - 365 * 86_400_000);
  expect(clock.now()).toBe(NOON - 365 * 86_400_000);
});
