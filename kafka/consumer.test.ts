import { expect, test, vi } from 'vitest';
import { openConsumer } from './consumer.ts';

const listeners = vi.hoisted(() => new Map<string, (event: { payload: object }) => void>());
const doing = vi.hoisted(() => async () => {});
/** What the consumer was told, and the lookups of offsets that wait for their answers. */
const done = vi.hoisted((): string[] => []);
const lookups = vi.hoisted(
  (): { topic: string; answer: (ends: object[]) => void; fail: (error: Error) => void }[] => [],
);

interface Named {
  readonly topic: string;
  readonly partitions: readonly number[];
}

vi.mock('./client.ts', () => ({
  asHeadwaterError: (error: unknown) => error,
  createClient: () => ({
    admin: () => ({
      connect: doing,
      disconnect: doing,
      fetchOffsets: doing,
      fetchTopicOffsets: (topic: string) =>
        new Promise((answer, fail) => {
          lookups.push({ topic, answer, fail });
        }),
    }),
    consumer: () => ({
      events: { GROUP_JOIN: 'join', END_BATCH_PROCESS: 'end', CRASH: 'crash' },
      on: (name: string, listener: (event: { payload: object }) => void) => listeners.set(name, listener),
      connect: doing,
      disconnect: doing,
      subscribe: doing,
      run: doing,
      pause: (all: Named[]) => done.push(...all.map((at) => `pause ${at.topic}/${at.partitions}`)),
      resume: (all: Named[]) => done.push(...all.map((at) => `resume ${at.topic}/${at.partitions}`)),
      seek: (at: { topic: string; partition: number; offset: string }) =>
        done.push(`seek ${at.topic}/${at.partition} ${at.offset}`),
    }),
  }),
}));

const settings = { brokers: [], clientId: 'c', ca: '', username: 'u', password: 'p' };

test('whoever joins under another name is told to be a new member: the group had given it up', async () => {
  const told: boolean[] = [];
  const consumer = await openConsumer(settings, {
    groupId: 'g',
    topics: ['t'],
    onAssigned: (_, isNewMember) => told.push(isNewMember),
    onBatch: async () => undefined,
    onFailed() {},
  });
  for (const memberId of ['a', 'a', 'b', 'b']) {
    listeners.get('join')!({ payload: { memberId, memberAssignment: { t: [0] } } });
  }
  expect(told).toEqual([true, false, true, false]);
  await consumer.close();
});

const joined = (partitions: number[]) =>
  listeners.get('join')!({ payload: { memberId: 'a', memberAssignment: { t: partitions } } });
const ends = (low: number, high: number) =>
  [0, 1, 2].map((partition) => ({ partition, low: String(low), high: String(high), offset: String(high) }));

test('a partition stands still until it is where it is to begin, and a topic is looked up once for all that wait', async () => {
  done.length = 0;
  const starts = ['earliest', 7, 'latest'] as const;
  const consumer = await openConsumer(settings, {
    groupId: 'g',
    topics: ['t'],
    startAt: ({ partition }) => starts[partition]!,
    onBatch: async () => undefined,
    onFailed() {},
  });
  joined([0, 1, 2]);
  expect(done).toEqual(['pause t/0', 'pause t/1', 'pause t/2']);
  await vi.waitFor(() => expect(done.slice(3)).toEqual(['seek t/1 7', 'resume t/1']));
  expect(lookups.map(({ topic }) => topic)).toEqual(['t']);
  lookups.pop()!.answer(ends(3, 9));
  await vi.waitFor(() => expect(done.slice(5)).toEqual(['seek t/0 3', 'resume t/0', 'seek t/2 9', 'resume t/2']));
  await consumer.close();
});

test('where a partition begins is asked anew after another join, and what was found for the last one no longer counts', async () => {
  done.length = 0;
  const asked: ((offset: number) => void)[] = [];
  const consumer = await openConsumer(settings, {
    groupId: 'g',
    topics: ['t'],
    startAt: () => new Promise<number>((resolve) => asked.push(resolve)),
    onBatch: async () => undefined,
    onFailed() {},
  });
  joined([0]);
  joined([0]);
  await vi.waitFor(() => expect(asked).toHaveLength(2));
  asked[0]!(1);
  asked[1]!(2);
  await vi.waitFor(() => expect(done).toEqual(['pause t/0', 'pause t/0', 'seek t/0 2', 'resume t/0']));
  await consumer.close();
});

test('a consumer that cannot find out where a partition begins says so and ends', async () => {
  const failed: Error[] = [];
  const consumer = await openConsumer(settings, {
    groupId: 'g',
    topics: ['t'],
    startAt: () => 'earliest',
    onBatch: async () => undefined,
    onFailed: (error) => failed.push(error),
  });
  joined([0]);
  await vi.waitFor(() => expect(lookups).toHaveLength(1));
  lookups.pop()!.fail(new Error('no broker'));
  await vi.waitFor(() => expect(failed.map(({ message }) => message)).toEqual(['no broker']));
  await consumer.close();
});
