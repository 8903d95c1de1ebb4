import { openSync, statSync, writeSync } from 'node:fs';
import { expect, onTestFinished, test, vi } from 'vitest';
import { PAGE_BYTES } from './database.ts';
import { GroupCommit } from './group-commit.ts';
import { READ_TRIES } from './protocol.ts';
import { Store } from './store.ts';
import { folder, HOUR, message, optionsFor, reading, TestClock } from './testing.ts';

/** Commits on a clock that the test moves: a commit takes no time on it. */
function open(dir = folder({ inMemory: true }), maxBytes = 4 * 1024 * 1024) {
  vi.useFakeTimers({
    toFake: [
      'setTimeout',
      'clearTimeout',
      'setInterval',
      'clearInterval',
      'setImmediate',
      'clearImmediate',
      'performance',
    ],
  });
  const clock = new TestClock();
  const store = new Store(optionsFor(dir.path, { maxBytes, maxAgeMs: HOUR }), clock);
  const groups: number[] = [];
  const damage: string[] = [];
  const commits = new GroupCommit({
    store,
    gather: () => {},
    onOutcomes: (outcomes) => groups.push(outcomes.length),
    onDamaged: (error) => void damage.push((error as Error).message),
  });
  onTestFinished(() => {
    commits.close();
    store.close();
    dir[Symbol.dispose]();
    vi.useRealTimers();
  });
  return { commits, groups, store, clock, damage };
}

test('what has come is committed at once, and what comes during a commit makes the next group', async () => {
  const { commits, groups } = open();
  commits.submit([message(1)]);
  await vi.advanceTimersByTimeAsync(1);
  expect(groups).toEqual([1]);
  commits.submit([message(2)]);
  commits.submit([message(3), message(4)]);
  await vi.advanceTimersByTimeAsync(4);
  expect(groups).toEqual([1, 3]);
});

test('a release and the submissions that come with it share a commit, and one that comes alone has its own', async () => {
  const { commits, store } = open();
  let released = 0;
  const release = (sequence: number) => commits.release(1, sequence, () => void released++);
  commits.submit([message(1)]);
  await vi.advanceTimersByTimeAsync(10);
  const commit = vi.spyOn(store, 'commit');
  release(1);
  commits.submit([message(2)]);
  await vi.advanceTimersByTimeAsync(10);
  expect([released, commit.mock.calls.length]).toEqual([1, 1]);
  release(2);
  await vi.advanceTimersByTimeAsync(10);
  expect([released, commit.mock.calls.length]).toEqual([2, 2]);
  expect(store.status().readings).toBe(0);
});

test('what must be given up in several commits needs nobody to send anything in between', async () => {
  const { commits, store, clock } = open();
  commits.submit(Array.from({ length: 100 }, () => ({ entries: Array(80).fill(reading('x'.repeat(100))) })));
  await vi.advanceTimersByTimeAsync(50);
  expect(store.status().readings).toBe(8_000);
  clock.now += 2 * HOUR;
  commits.submit([message('new')]);
  await vi.advanceTimersByTimeAsync(50);
  expect(store.status()).toMatchObject({ counts: { evicted: 8_000 }, readings: 2 });
});

test('damage that only giving disk back meets ends the buffer after a few tries, and refuses nothing before', async () => {
  const dir = folder({ inMemory: true });
  const maxBytes = 64 * 1024 * 1024;
  const before = new Store(optionsFor(dir.path, { maxBytes }), new TestClock());
  // More than is checked at opening; half of it is free then.
  for (let n = 0; n < 20; n++) {
    before.commit(
      Array.from({ length: 1_000 }, () => message('x'.repeat(1_000))),
      new Map(),
    );
  }
  before.commit([], new Map([[1, 10_000]]));
  before.close();
  const path = `${dir.path}/buffer.db`;
  const pages = statSync(path).size / PAGE_BYTES;
  // Every so many pages, from the second on, one says what each of those behind it is for: only this asks it.
  const each = Math.floor(PAGE_BYTES / 5) + 1;
  const last = 1 + Math.floor((pages - 2) / each) * each;
  writeSync(openSync(path, 'r+'), Buffer.alloc(PAGE_BYTES, 0xa5), 0, PAGE_BYTES, last * PAGE_BYTES);

  const { commits, groups, store, damage } = open(dir, maxBytes);
  for (let tries = 1; tries < READ_TRIES; tries++) {
    for (const ms of [10, 2_000]) {
      commits.submit([message(tries)]);
      await vi.advanceTimersByTimeAsync(ms);
    }
    expect([damage, groups.length]).toEqual([[], 2 * tries]);
  }
  expect(store.status()).toMatchObject({ readings: 10_000 + 2 * (READ_TRIES - 1), counts: { refused: 0 } });
  commits.submit([message('last')]);
  await vi.advanceTimersByTimeAsync(10);
  expect(damage).toEqual([expect.stringContaining('malformed')]);
});
