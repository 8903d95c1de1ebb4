import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { afterEach, expect, test, vi } from 'vitest';
import { type AlertChannel, type DeadLetter, decode, encode } from '../../../contract/index.ts';
import type { IncomingRecord, KafkaSettings } from '../../../kafka/index.ts';
import { openReceiver } from '../../testing/index.ts';
import type { ChannelConfig } from './config.ts';
import { startChannels } from './index.ts';
import type { ReaderOptions } from './reader.ts';
import { testNotification } from './test-notification.ts';

// The test decides whose turn it is, which a group of Kafka otherwise does; test/integration has both.
const kafka = vi.hoisted(() => ({
  told: [] as Buffer[],
  removed: [] as string[],
  reader: undefined as ReaderOptions | undefined,
}));
vi.mock('../../../kafka/index.ts', async (original) => ({
  ...(await original<object>()),
  openAdmin: () => Promise.reject(new Error('nobody needs it')),
  openProducer: async () => ({
    send: async ([{ records }]: [{ records: [{ key: string; value: Buffer | null }] }]) => {
      const [{ key, value }] = records;
      if (value === null) kafka.removed.push(key);
      else kafka.told.push(value);
    },
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

const start = (config: object) =>
  startChannels([config as unknown as ChannelConfig], {
    kafka: {} as KafkaSettings,
    process: 'hub-1',
    log: { warn: () => {} },
  });

test('a hub that tells a channel again says nothing of what it could not tell before another hub did', async () => {
  const receiver = await openReceiver();
  receiver.answer = { status: 503 };
  const config = { name: 'all', kind: 'webhook', url: receiver.url, severities: ['info'], match: [], resolved: true };
  const channels = start(config);
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

test('a recipient who will never get a mail that others have got is a dead letter, and the mail counts as told', async () => {
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onRcptTo: ({ address }, _session, callback) =>
      callback(address.startsWith('b') ? Object.assign(new Error('no such mailbox'), { responseCode: 550 }) : null),
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;
  const of = { name: 'mail', kind: 'email', severities: ['info'], match: [], resolved: true };
  const config = { ...of, host: '127.0.0.1', port, tls: 'none', from: 'h@example.org', to: ['a@x.org', 'b@x.org'] };
  const channels = start(config);
  ends.push(
    () => channels.close(),
    () => new Promise<void>((resolve) => server.close(() => resolve())),
  );
  const { handle, onPosition } = kafka.reader!;
  kafka.told.length = 0;
  onPosition(7);
  const value = encode(testNotification('mail', Date.now()));
  const record = { key: null, value, headers: {}, partition: 0, offset: 7, appendedAt: Date.now() } as IncomingRecord;
  await handle(record, new AbortController().signal);
  expect(decode(kafka.told.at(-1)!) as DeadLetter).toMatchObject({
    code: 'CHANNEL_REFUSED',
    reason: expect.stringMatching(/^alert channel mail: b@x.org: .*no such mailbox/),
  });
  const last = () => decode(kafka.told.at(-1)!) as AlertChannel;
  await vi.waitFor(() => expect(last()).toMatchObject({ accepted: 1, refused: 1 }));
});

test('a channel that is configured no more is removed from the topic; one that another hub still tells of is not', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  ends.push(async () => void vi.useRealTimers());
  const now = Date.now();
  const known = [
    { channel: 'mine', ts: now - 3_600_000 },
    { channel: 'removed', ts: now - 3_600_000 },
    { channel: 'of-another-hub', ts: now - 60_000 },
  ] as AlertChannel[];
  const of = { kind: 'webhook', url: 'http://127.0.0.1:1/', severities: ['info'], match: [], resolved: true };
  const channels = startChannels([{ name: 'mine', ...of } as unknown as ChannelConfig], {
    kafka: {} as KafkaSettings,
    process: 'hub-1',
    log: { warn: () => {} },
    known: () => known,
  });
  ends.push(() => channels.close());
  vi.advanceTimersByTime(60_000);
  await vi.waitFor(() => expect(kafka.removed).toEqual(['removed']));
});
