import { expect, onTestFinished, test, vi } from 'vitest';
import { GroupCommit } from './group-commit.ts';
import { Store } from './store.ts';
import { folder, HOUR, message, optionsFor, reading, TestClock } from './testing.ts';

/** Commits on a clock that the test moves: a commit takes no time on it. */
function open() {
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
  const dir = folder({ inMemory: true });
  const clock = new TestClock();
  const store = new Store(optionsFor(dir.path, { maxBytes: 4 * 1024 * 1024, maxAgeMs: HOUR }), clock);
  const groups: number[] = [];
  const commits = new GroupCommit({
    store,
    gather: () => {},
    onOutcomes: (outcomes) => groups.push(outcomes.length),
    onDamaged: (error) => expect(error).toBeUndefined(),
  });
  onTestFinished(() => {
    commits.close();
    store.close();
    dir[Symbol.dispose]();
    vi.useRealTimers();
  });
  return { commits, groups, store, clock };
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
