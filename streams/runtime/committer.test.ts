import { expect, test } from 'vitest';
import type { TopicBatch } from '../../kafka/index.ts';
import type { OutputRecord } from '../core/index.ts';
import { CheckpointWriter } from './checkpoint.ts';
import type { Clock } from './clock.ts';
import { Committer } from './committer.ts';

const result: OutputRecord = { topic: 'results', key: 'a', value: Buffer.from('{}') };

/** `lookMs`: what a look at the clock takes. */
function setUp(lookMs = 0) {
  let now = 0;
  const asked: number[] = [];
  const timers = new Map<symbol, { readonly at: number; readonly action: () => void }>();
  const clock: Clock = {
    now: () => {
      now += lookMs;
      return now;
    },
    after(ms, action) {
      asked.push(ms);
      const timer = Symbol();
      timers.set(timer, { at: now + ms, action });
      return () => void timers.delete(timer);
    },
  };
  /** Time of each commit, and how many results it had. */
  const commits: [at: number, results: number][] = [];
  const committer = new Committer({
    producer: {
      async commit(batches: readonly TopicBatch[]) {
        commits.push([now, batches.find(({ topic }) => topic === 'results')?.records.length ?? 0]);
      },
      close: async () => {},
    },
    checkpoint: new CheckpointWriter({ takeChanges: () => [], *snapshot() {} }, 'f1', {
      seq: 0,
      snapshotBytes: 0,
      bytesSinceSnapshot: 0,
    }),
    stateTopic: 'state',
    partition: 0,
    commitEveryMs: 200,
    timeoutMs: 10_000,
    clock,
    counts: { events: 0, commits: 0, commitMs: 0, lastCommitAt: undefined, restoreMs: undefined, missed: 0 },
    offsets: () => ({}),
    stateLog: { end: async () => 0, cut: () => {} },
    onTaken: () => {},
    onCommitted: () => {},
    onFailed: (error) => {
      throw error;
    },
  });
  /** Lets time pass, and whatever it sets off. */
  const until = async (to: number) => {
    for (; now < to; now++) {
      for (const [timer, { at, action }] of timers) if (at <= now && timers.delete(timer)) action();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { committer, commits, asked, until };
}

test('what was processed without a result is committed after the commit interval', async () => {
  const { committer, commits, until } = setUp();
  committer.add([], 10);
  await until(150);
  committer.add([], 10);
  await until(300);
  expect(commits).toEqual([[200, 0]]);
});

test('results after a quiet time are committed almost at once, together with those that come right after them', async () => {
  const { committer, commits, until } = setUp();
  committer.add([], 10);
  await until(50);
  committer.add([result], 10);
  await until(55);
  committer.add([result], 10);
  await until(300);
  expect(commits).toEqual([[60, 2]]);
});

test('where a look at the clock takes longer than there is to wait, no timer is set for the past', () => {
  const { committer, asked } = setUp(20);
  committer.add([result], 10);
  expect(asked).toEqual([0]);
});

test('results that keep coming are committed once in the interval', async () => {
  const { committer, commits, until } = setUp();
  for (let at = 0; at < 1_000; at += 20) {
    committer.add([result], 10);
    await until(at + 20);
  }
  const times = commits.map(([at]) => at);
  expect(times[0]).toBe(10);
  for (const [i, at] of times.slice(1).entries()) expect(at - times[i]!).toBeGreaterThanOrEqual(200);
  expect(times.length).toBeGreaterThanOrEqual(4);
});
