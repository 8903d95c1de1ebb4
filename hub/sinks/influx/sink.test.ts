import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openCommits } from './sink.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const part = (partition: number, next: number) => ({ topic: 't', partition, next, lines: [], letters: [] });

test('a position that Kafka does not take is told again, also where nothing more is stored', async () => {
  const told: number[][] = [];
  const warnings: Error[] = [];
  const commit = async (positions: readonly { offset: number }[]) => {
    told.push(positions.map(({ offset }) => offset));
    if (told.length === 1) throw new Error('rebalancing');
  };
  const commits = openCommits(
    { commit },
    () => true,
    (error) => warnings.push(error),
  );
  commits.add([part(0, 10), part(1, 20)]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(warnings).toHaveLength(1);
  commits.add([part(1, 30)]);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(told).toEqual([
    [10, 20],
    [10, 30],
  ]);
  await commits.close();
});

test('positions are told one after the other, and those of partitions that are gone not at all', async () => {
  const first = Promise.withResolvers<void>();
  const told: number[][] = [];
  const commit = (positions: readonly { offset: number }[]) => {
    told.push(positions.map(({ offset }) => offset));
    return told.length === 1 ? first.promise : Promise.resolve();
  };
  const commits = openCommits(
    { commit },
    ({ partition }) => partition === 0,
    () => {},
  );
  commits.add([part(0, 10), part(1, 20)]);
  await vi.advanceTimersByTimeAsync(1_000);
  commits.add([part(0, 30)]);
  await vi.advanceTimersByTimeAsync(3_000);
  expect(told).toEqual([[10]]);
  const closing = commits.close();
  first.resolve();
  await closing;
  expect(told).toEqual([[10], [30]]);
});
