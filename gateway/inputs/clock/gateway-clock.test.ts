import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openClock } from './gateway-clock.ts';

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
])('a clock that was set and is put to %s goes on', async (_name, wrong) => {
  vi.setSystemTime(NOON);
  const clock = await openClock();
  expect(clock.isSet()).toBe(true);
  expect(clock.now()).toBe(NOON);
  vi.setSystemTime(wrong);
  expect(clock.isSet()).toBe(true);
  expect(clock.now() - NOON).toBeLessThan(60_000);
  expect(clock.now()).toBeGreaterThanOrEqual(NOON);
});

test('a clock that was never set is not, until it is', async () => {
  vi.setSystemTime(1_000);
  const clock = await openClock();
  expect(clock.isSet()).toBe(false);
  vi.setSystemTime(NOON);
  expect(clock.isSet()).toBe(true);
  expect(clock.now()).toBe(NOON);
});

test('a clock that is set back by a year is believed', async () => {
  vi.setSystemTime(NOON);
  const clock = await openClock();
  vi.setSystemTime(NOON - 365 * 86_400_000);
  expect(clock.now()).toBe(NOON - 365 * 86_400_000);
});

describe('a time that could be right, on a machine whose clock something sets', () => {
  let dir: string;
  let synchronized: boolean;
  let asked: number;
  const open = () =>
    openClock({
      file: join(dir, 'buffer', 'clock-set-in'),
      isSynchronized: async () => {
        asked++;
        return synchronized;
      },
    });
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'headwater-clock-'));
    vi.useRealTimers();
    vi.useFakeTimers({ toFake: ['Date', 'hrtime'], now: NOON });
    synchronized = false;
    asked = 0;
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  test('is not known until something has set it, and is asked for no more after that', async () => {
    const clock = await open();
    expect([clock.isSet(), clock.isPlausible()]).toEqual([false, true]);
    synchronized = true;
    expect(clock.isSet()).toBe(false);
    expect(asked).toBe(1);
    vi.advanceTimersByTime(10_000);
    await vi.waitFor(() => expect(clock.isSet()).toBe(true));
    vi.advanceTimersByTime(3_600_000);
    expect(clock.isSet()).toBe(true);
    expect(asked).toBe(2);
  });

  test('that was known is known after a restart of the gateway, however long the network is away', async () => {
    synchronized = true;
    expect((await open()).isSet()).toBe(true);
    synchronized = false;
    expect((await open()).isSet()).toBe(true);
    expect(asked).toBe(1);
  });

  test('that was known is not known after a restart of the machine', async () => {
    synchronized = true;
    await open();
    const [file] = readdirSync(join(dir, 'buffer'));
    writeFileSync(join(dir, 'buffer', file!), 'another start');
    synchronized = false;
    expect((await open()).isSet()).toBe(false);
  });

  test('that cannot be is not asked about', async () => {
    vi.setSystemTime(1_000);
    synchronized = true;
    const clock = await open();
    expect([clock.isSet(), clock.isPlausible(), asked]).toEqual([false, false, 0]);
  });

  test('whose answer is long in coming does not keep the gateway from starting', async () => {
    const clock = await openClock({ file: join(dir, 'f'), isSynchronized: () => new Promise(() => {}) });
    expect(clock.isSet()).toBe(false);
  });
});
