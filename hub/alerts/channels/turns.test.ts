import { afterEach, expect, test, vi } from 'vitest';
import { type AlertChannel, decode, encode } from '../../../contract/index.ts';
import type { IncomingRecord, KafkaSettings } from '../../../kafka/index.ts';
import { openReceiver } from '../../testing/index.ts';
import type { ChannelConfig } from './config.ts';
import { startChannels } from './index.ts';
import type { ReaderOptions } from './reader.ts';
import { testNotification } from './test-notification.ts';

// The test decides whose turn it is, which a group of Kafka otherwise does; test/integration has both.
const kafka = vi.hoisted(() => ({ told: [] as Buffer[], reader: undefined as ReaderOptions | undefined }));
vi.mock('../../../kafka/index.ts', () => ({
  openAdmin: () => Promise.reject(new Error('nobody needs it')),
  openProducer: async () => ({
    send: async ([{ records }]: [{ records: [{ value: Buffer }] }]) => void kafka.told.push(records[0].value),
    close: async () => {},
  }),
}));
vi.mock('./reader.ts', () => ({
  readNotifications: (options: ReaderOptions, stop: AbortSignal) => {
    kafka.reader = options;
    return new Promise<void>((resolve) => {
      stop.addEventListener('abort', () => resolve());
    });
  },
}));

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

test('a hub that tells a channel again says nothing of what it could not tell before another hub did', async () => {
  const receiver = await openReceiver();
  receiver.answer = { status: 503 };
  const config = { name: 'all', kind: 'webhook', url: receiver.url, severities: ['info'], match: [], resolved: true };
  const channels = startChannels([config as unknown as ChannelConfig], {
    kafka: {} as KafkaSettings,
    process: 'hub-1',
    log: { warn: () => {} },
  });
  ends.push(
    () => channels.close(),
    () => receiver.close(),
  );
  const { handle, onPosition } = kafka.reader!;
  const last = () => decode(kafka.told.at(-1) ?? Buffer.from('{}')) as AlertChannel;
  const value = encode(testNotification('all', Date.now()));
  const record = { key: null, value, headers: {}, partition: 0, offset: 7, appendedAt: Date.now() } as IncomingRecord;
  const lost = new AbortController();
  onPosition(7);
  const telling = handle(record, lost.signal);
  await vi.waitFor(() => expect(last()).toMatchObject({ position: 7, state: 'waiting' }), { timeout: 30_000 });
  lost.abort();
  await telling;
  onPosition(null);
  onPosition(8);
  await vi.waitFor(() => expect(last().position).toBe(8), { timeout: 30_000 });
  expect(last()).toMatchObject({ state: 'ready', detail: '' });
});
