import { describe, expect, test } from 'vitest';
import { DeviceClock, type Stamp } from './device-clock.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;
const NOW = 1_800_000_000_000;

/** `count` readings, one a second, by a clock that is `off` from the truth; each with how far its stamp is from the truth. */
function live(clock: DeviceClock, off: number, count: number, from = NOW, every = SECOND) {
  return Array.from({ length: count }, (_, i) => {
    const truth = from + i * every;
    return judge(clock.stamp({ ts: truth + off, receivedAt: truth + 20 }), truth);
  });
}

function judge(stamp: Stamp, truth: number) {
  return { error: stamp.ts - truth, clock: stamp.clock };
}

test('a right clock is left alone', () => {
  expect(new Set(live(new DeviceClock(), 0, 10).map((r) => `${r.error} ${r.clock}`))).toEqual(new Set(['0 undefined']));
});

test('a reading without a time has the time of receipt', () => {
  expect(new DeviceClock().stamp({ receivedAt: NOW })).toEqual({ ts: NOW });
});

describe('a clock that is off, live, without sentAt', () => {
  test('an hour fast is corrected from the first reading on', () => {
    const readings = live(new DeviceClock(), HOUR, 10);
    for (const reading of readings) {
      expect(reading.clock).toBe('corrected');
      expect(Math.abs(reading.error)).toBeLessThan(SECOND);
    }
  });

  test('an hour slow is suspect until the lag proves steady, then corrected', () => {
    const readings = live(new DeviceClock(), -HOUR, 8);
    expect(readings.slice(0, 4)).toEqual(Array(4).fill({ error: -HOUR, clock: 'suspect' }));
    expect(readings.slice(4)).toEqual(Array(4).fill({ error: 20, clock: 'corrected' }));
  });

  test.each([
    ['fast', 10 * YEAR],
    ['slow', -10 * YEAR],
  ])('ten years %s is replaced at first, then corrected', (_name, off) => {
    const readings = live(new DeviceClock(), off, 8);
    expect(readings.slice(0, 4)).toEqual(Array(4).fill({ error: 20, clock: 'replaced' }));
    expect(readings.slice(4)).toEqual(Array(4).fill({ error: 20, clock: 'corrected' }));
  });

  test('one that never ran (1970) is replaced, then corrected', () => {
    const readings = live(new DeviceClock(), -NOW, 8);
    expect(readings.map((r) => r.clock).slice(3, 5)).toEqual(['replaced', 'corrected']);
    for (const { error } of readings) expect(error).toBe(20);
  });

  test('a few minutes slow cannot be told from delay and is left alone', () => {
    for (const reading of live(new DeviceClock(), -4 * MINUTE, 10)) {
      expect(reading).toEqual({ error: -4 * MINUTE, clock: undefined });
    }
  });

  test('drifting 1 s a minute is followed', () => {
    const clock = new DeviceClock();
    for (let minute = 0; minute < 180; minute++) {
      const off = HOUR + minute * SECOND;
      const [reading] = live(clock, off, 1, NOW + minute * MINUTE);
      expect(Math.abs(reading!.error)).toBeLessThanOrEqual(5 * SECOND);
    }
  });
});

describe('old readings by a right clock', () => {
  test('a backlog that drains fast is kept as it is, and only flagged while the clock is not known', () => {
    const clock = new DeviceClock();
    const stored = Array.from({ length: 3_600 }, (_, i) => NOW - HOUR + i * SECOND);
    const stamps = stored.map((ts, i) => judge(clock.stamp({ ts, receivedAt: NOW + i * 10 }), ts));
    expect(stamps.every((s) => s.error === 0)).toBe(true);
    expect(new Set(stamps.map((s) => s.clock))).toEqual(new Set(['suspect', undefined]));
    expect(live(clock, 0, 5, NOW + MINUTE)).toEqual(Array(5).fill({ error: 0, clock: undefined }));
  });

  test('a backlog after live readings is not even suspect', () => {
    const clock = new DeviceClock();
    live(clock, 0, 10);
    const stamp = clock.stamp({ ts: NOW - 3 * HOUR, receivedAt: NOW + MINUTE });
    expect(stamp).toEqual({ ts: NOW - 3 * HOUR });
  });

  test('a backlog of a fast clock is corrected by what its live readings showed', () => {
    const clock = new DeviceClock();
    live(clock, HOUR, 10);
    const truth = NOW - 2 * HOUR;
    const { error, clock: flag } = judge(clock.stamp({ ts: truth + HOUR, receivedAt: NOW + MINUTE }), truth);
    expect(flag).toBe('corrected');
    expect(Math.abs(error)).toBeLessThan(SECOND);
  });
});

describe('a clock that is set right later', () => {
  test('after it was slow: at once', () => {
    const clock = new DeviceClock();
    live(clock, -HOUR, 10);
    expect(live(clock, 0, 5, NOW + MINUTE)).toEqual(Array(5).fill({ error: 0, clock: undefined }));
  });

  test('after it was fast: suspect, not shifted, until it proves right', () => {
    const clock = new DeviceClock();
    live(clock, HOUR, 10);
    const readings = live(clock, 0, 8, NOW + MINUTE);
    expect(readings.map((r) => r.error)).toEqual(Array(8).fill(0));
    expect(readings.map((r) => r.clock)).toEqual([...Array(4).fill('suspect'), ...Array(4).fill(undefined)]);
  });

  test('one broken number does not shift what follows', () => {
    const clock = new DeviceClock();
    live(clock, 0, 10);
    expect(clock.stamp({ ts: NOW + 20 * MINUTE, receivedAt: NOW + 11 * SECOND }).clock).toBe('corrected');
    expect(clock.stamp({ ts: NOW + 10 * YEAR, receivedAt: NOW + 12 * SECOND }).clock).toBe('replaced');
    for (const { error } of live(clock, 0, 8, NOW + 13 * SECOND)) expect(error).toBe(0);
  });
});

describe('with sentAt', () => {
  test.each([HOUR, -HOUR, 10 * YEAR, -10 * YEAR])('a clock %d ms off is corrected at once, old readings too', (off) => {
    const clock = new DeviceClock();
    const truth = NOW - 40 * DAY;
    const stamp = clock.stamp({ ts: truth + off, sentAt: NOW + off, receivedAt: NOW + 20 });
    expect(judge(stamp, truth)).toEqual({ error: 20, clock: 'corrected' });
  });

  test('a right clock lets old readings pass unflagged', () => {
    const ts = NOW - 40 * DAY;
    expect(new DeviceClock().stamp({ ts, sentAt: NOW, receivedAt: NOW + 500 })).toEqual({ ts });
  });

  test('a reading after its own sending is replaced', () => {
    const stamp = new DeviceClock().stamp({ ts: NOW + HOUR, sentAt: NOW, receivedAt: NOW + 20 });
    expect(stamp).toEqual({ ts: NOW + 20, clock: 'replaced' });
  });
});
