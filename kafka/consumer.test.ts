import { expect, test, vi } from 'vitest';
import { openConsumer } from './consumer.ts';

const listeners = vi.hoisted(() => new Map<string, (event: { payload: object }) => void>());
const doing = vi.hoisted(() => async () => {});

vi.mock('./client.ts', () => ({
  asHeadwaterError: (error: unknown) => error,
  createClient: () => ({
    admin: () => ({ connect: doing, disconnect: doing, fetchOffsets: doing }),
    consumer: () => ({
      events: { GROUP_JOIN: 'join', END_BATCH_PROCESS: 'end', CRASH: 'crash' },
      on: (name: string, listener: (event: { payload: object }) => void) => listeners.set(name, listener),
      connect: doing,
      disconnect: doing,
      subscribe: doing,
      run: doing,
    }),
  }),
}));

test('whoever joins under another name is told to be a new member: the group had given it up', async () => {
  const told: boolean[] = [];
  const consumer = await openConsumer(
    { brokers: [], clientId: 'c', ca: '', username: 'u', password: 'p' },
    {
      groupId: 'g',
      topics: ['t'],
      onAssigned: (_, isNewMember) => told.push(isNewMember),
      onBatch: async () => undefined,
      onFailed() {},
    },
  );
  for (const memberId of ['a', 'a', 'b', 'b']) {
    listeners.get('join')!({ payload: { memberId, memberAssignment: { t: [0] } } });
  }
  expect(told).toEqual([true, false, true, false]);
  await consumer.close();
});
