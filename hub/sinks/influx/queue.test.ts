import { expect, test } from 'vitest';
import type { IncomingBatch, TopicPartition } from '../../../kafka/index.ts';
import { openQueue } from './queue.ts';

const at = (partition: number) => ({ topic: 't', partition });
const batch = (partition: number, from: number, next: number, highWatermark = 100_000): IncomingBatch => ({
  ...at(partition),
  records: [],
  from,
  next,
  highWatermark,
});
const nothing = () => ({ lines: [], letters: [] });
const lines = (count: number) => () => ({ lines: Array.from({ length: count }, () => ({}) as never), letters: [] });

function open() {
  const calls: string[] = [];
  const stop = new AbortController();
  const reader = {
    pause: (partitions: readonly object[]) => void calls.push(`pause ${partitions.length}`),
    resume: (partitions: readonly object[]) => void calls.push(`resume ${partitions.length}`),
  };
  return { queue: openQueue(reader, stop.signal), calls, stop };
}

test('what is read again after a rebalance is not queued twice', async () => {
  const { queue } = open();
  queue.assign([at(0), at(1)]);
  queue.offer(batch(0, 0, 10), nothing);
  queue.offer(batch(0, 10, 20), nothing);
  queue.assign([at(0)]);
  queue.offer(batch(0, 0, 10), nothing);
  queue.offer(batch(0, 20, 30), nothing);
  expect((await queue.take(1)).map(({ next }) => next)).toEqual([10, 20, 30]);
});

test('what belongs to another process now is forgotten, and so is where it was', async () => {
  const { queue } = open();
  queue.assign([at(0), at(1)]);
  queue.offer(batch(0, 0, 10), nothing);
  queue.offer(batch(1, 0, 10), nothing);
  queue.assign([at(1)]);
  expect(queue.offer(batch(0, 10, 20), nothing)).toBeUndefined();
  queue.assign([at(0), at(1)]);
  queue.offer(batch(0, 0, 5), nothing);
  expect((await queue.take(1)).map(({ partition, next }) => [partition, next])).toEqual([
    [1, 10],
    [0, 5],
  ]);
});

test('what was lost while it was being written is not ours when its partition comes back', async () => {
  const { queue } = open();
  queue.assign([at(0), at(1)]);
  queue.offer(batch(0, 0, 10), nothing);
  queue.offer(batch(1, 0, 10), nothing);
  const taken = await queue.take(1);
  queue.assign([at(1)]);
  queue.assign([at(0), at(1)]);
  expect(taken.filter(queue.owns).map(({ partition }) => partition)).toEqual([1]);
  queue.offer(batch(0, 50, 60), nothing);
  queue.done(taken, []);
  expect((await queue.take(1)).filter(queue.owns).map(({ next }) => next)).toEqual([60]);
});

test('a member that the group had given up begins again where the group is', async () => {
  const { queue } = open();
  queue.assign([at(0)], true);
  queue.offer(batch(0, 0, 10), nothing);
  const taken = await queue.take(1);
  queue.offer(batch(0, 10, 20), nothing);
  queue.assign([at(0)], true);
  expect(taken.filter(queue.owns)).toEqual([]);
  queue.done(taken, []);
  queue.offer(batch(0, 5, 15), nothing);
  expect((await queue.take(1)).filter(queue.owns).map(({ next }) => next)).toEqual([15]);
});

test('a topic that was made anew under the same name is read from its beginning', async () => {
  const { queue } = open();
  queue.assign([at(0)]);
  queue.offer(batch(0, 0, 500), nothing);
  queue.offer(batch(0, 0, 5, 5), nothing);
  expect((await queue.take(1)).map(({ next }) => next)).toEqual([500, 5]);
});

test('reading pauses where much is queued and resumes when half of it is stored', async () => {
  const { queue, calls } = open();
  queue.assign([at(0), at(1)]);
  queue.offer(batch(0, 0, 10), lines(15_000));
  expect(queue.offer(batch(0, 10, 20), lines(15_000))).toBeUndefined();
  expect(calls).toEqual(['pause 2']);
  expect(queue.offer(batch(1, 0, 10), lines(1))).toBe('again');
  const first = await queue.take(10_000);
  expect(first).toHaveLength(1);
  queue.done(first, first);
  expect(calls).toEqual(['pause 2']);
  const second = await queue.take(10_000);
  queue.done(second, second);
  expect(calls).toEqual(['pause 2', 'resume 2']);
});

test('a partition that is lost while reading pauses is read when it comes back', async () => {
  const paused = new Set<number>();
  const reader = {
    pause: (partitions: readonly TopicPartition[]) => partitions.forEach(({ partition }) => void paused.add(partition)),
    resume: (partitions: readonly TopicPartition[]) =>
      partitions.forEach(({ partition }) => void paused.delete(partition)),
  };
  const queue = openQueue(reader, new AbortController().signal);
  queue.assign([at(0), at(1)]);
  queue.offer(batch(0, 0, 10), lines(25_000));
  expect(paused).toEqual(new Set([0, 1]));
  const taken = await queue.take(10_000);
  queue.assign([at(0)]);
  expect(paused).toContain(0);
  queue.done(taken, taken);
  queue.assign([at(0), at(1)]);
  expect(paused).toEqual(new Set());
});

test('the lag is what Kafka holds and InfluxDB does not', async () => {
  const { queue } = open();
  queue.assign([at(0), at(1)]);
  queue.offer(batch(0, 0, 10, 40), nothing);
  queue.offer(batch(1, 5, 10, 10), nothing);
  expect(queue.lag()).toBe(45);
  const parts = await queue.take(1);
  queue.done(parts, parts);
  expect(queue.lag()).toBe(30);
  queue.skip({ ...at(0), next: 40 });
  const rest = await queue.take(1);
  queue.done(rest, rest);
  expect(queue.lag()).toBe(0);
});

test('who waits for parts is let go at the end', async () => {
  const { queue, stop } = open();
  const waiting = queue.take(1);
  stop.abort();
  expect(await waiting).toEqual([]);
});

test('what is gone from Kafka is missed once, but for what was read before, and its letter comes before what follows', async () => {
  const { queue } = open();
  const told: string[] = [];
  const letter = ({ from, to }: { from: number; to: number }) => {
    told.push(`${from}–${to}`);
    return { code: 'RECORDS_MISSED' } as never;
  };
  queue.assign([at(0)]);
  queue.offer(batch(0, 0, 10), nothing);
  expect(queue.miss({ ...at(0), from: 5, to: 10 }, letter)).toBeUndefined();
  expect(queue.miss({ ...at(0), from: 5, to: 40 }, letter)).toEqual({ ...at(0), from: 10, to: 40 });
  expect(queue.miss({ ...at(0), from: 5, to: 40 }, letter)).toBeUndefined();
  expect(queue.miss({ ...at(1), from: 5, to: 40 }, letter)).toBeUndefined();
  queue.offer(batch(0, 40, 50), nothing);
  const taken = await queue.take(5);
  expect(taken.map(({ next, letters }) => [next, letters.length])).toEqual([
    [10, 0],
    [40, 1],
    [50, 0],
  ]);
  expect(told).toEqual(['10–40']);
});
