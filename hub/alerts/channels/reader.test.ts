import { expect, test, vi } from 'vitest';
import type { Admin, ConsumerOptions, IncomingRecord, KafkaSettings } from '../../../kafka/index.ts';
import { readNotifications } from './reader.ts';

/** The group as the test plays it. */
const group = vi.hoisted(() => ({
  options: undefined as ConsumerOptions | undefined,
  committed: undefined as number | undefined,
  refuses: false,
  end: 0,
}));
vi.mock('../../../kafka/index.ts', async (original) => ({
  ...(await original<object>()),
  openConsumer: async (_: unknown, options: ConsumerOptions) => {
    group.options = options;
    return {
      commit: async ([{ offset }]: [{ offset: number }]) => {
        if (group.refuses) throw new Error('the group is being rearranged');
        group.committed = offset;
      },
      pause() {},
      resume() {},
      close: async () => {},
    };
  },
}));

const at = { topic: 'notifications', partition: 0 };
const admin = {
  use: async <R>(work: (admin: Admin) => Promise<R>) =>
    work({
      committed: async () => new Map(group.committed === undefined ? [] : [[0, group.committed]]),
      offsets: async () => [{ partition: 0, low: 0, high: group.end }],
    } as unknown as Admin),
  close: async () => {},
};
/** What a join of the group gives this process, and where it begins. */
async function join(): Promise<unknown> {
  group.options!.onAssigned!([at], false);
  return group.options!.startAt!(at);
}

test('a new channel begins at the end that it found first, also where the group is rearranged before it could say so', async () => {
  const handled: number[] = [];
  const stop = new AbortController();
  group.end = 4;
  group.refuses = true;
  const reading = readNotifications(
    {
      kafka: {} as KafkaSettings,
      admin,
      groupId: 'hub.channel.new',
      handle: async ({ offset }) => void handled.push(offset),
      onPosition() {},
    },
    stop.signal,
  );
  expect(await join()).toBe(4);
  expect(group.committed).toBeUndefined();
  group.end = 7;
  group.refuses = false;
  expect(await join()).toBe(4);
  expect(group.committed).toBe(4);
  const records = [4, 5, 6].map((offset) => ({ offset })) as IncomingRecord[];
  await group.options!.onBatch({ ...at, records, from: 4, next: 7, highWatermark: 7 });
  await vi.waitFor(() => expect(handled).toEqual([4, 5, 6]));
  await vi.waitFor(() => expect(group.committed).toBe(7));
  stop.abort();
  await reading;
});
