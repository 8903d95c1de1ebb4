import { expect, onTestFinished, test, vi } from 'vitest';
import { GroupCommit } from './group-commit.ts';
import { Store } from './store.ts';
import { folder, message, optionsFor, reading, TestClock } from './testing.ts';

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
  const store = new Store(optionsFor(dir.path), new TestClock());
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
  const submitEvery = async (ms: number, count: number) => {
    groups.length = 0;
    for (let n = 0; n < count; n++) {
      commits.submit([message(n)]);
      await vi.advanceTimersByTimeAsync(ms);
    }
    return groups.length;
  };
  return { commits, groups, submitEvery };
}

test('what comes alone is committed at once, for a while; a steady load is gathered', async () => {
  const { submitEvery } = open();
  expect(await submitEvery(1000, 20)).toBe(20);
  expect(await submitEvery(10, 300)).toBe(300);
  await submitEvery(10, 100);
  // 10 s: at most 10 small commits in each.
  expect(await submitEvery(10, 1000)).toBeLessThanOrEqual(110);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(await submitEvery(10, 100)).toBe(100);
});

test('alarms, large groups and devices that wait for an answer are not held up by it', async () => {
  const { commits, groups, submitEvery } = open();
  await submitEvery(10, 500);
  await vi.advanceTimersByTimeAsync(100);
  groups.length = 0;
  commits.submit([{ entries: [reading('fire', true)] }]);
  await vi.advanceTimersByTimeAsync(4);
  expect(groups).toEqual([1]);
  await submitEvery(10, 500);
  await vi.advanceTimersByTimeAsync(100);
  groups.length = 0;
  commits.submit(Array.from({ length: 32 }, (_, n) => message(n)));
  await vi.advanceTimersByTimeAsync(4);
  expect(groups).toEqual([32]);
  await submitEvery(10, 500);
  await vi.advanceTimersByTimeAsync(100);
  groups.length = 0;
  commits.submit([message('alone')]);
  await vi.advanceTimersByTimeAsync(25);
  expect(groups).toEqual([1]);
});
