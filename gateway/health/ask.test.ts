import { expect, test } from 'vitest';
import { askStatus, describeStatus, type StatusAnswer } from './ask.ts';

const status: StatusAnswer = {
  gateway: 'gw-1',
  site: 'basel',
  version: '0.1.0',
  incarnation: 'a',
  ts: 0,
  startedAt: 1_000,
  backlog: { readings: 7, bytes: 10, oldestTs: 31_000 },
  counts: { acknowledged: 10, forwarded: 3, rejected: 0, duplicates: 1, evicted: 0, lost: 0 },
  inputs: [{ name: 'mqtt', state: 'ok', detail: '3 connected' }],
  disk: { freeBytes: 5_000_000, bufferBytes: 4_096 },
  certificateExpiresAt: 10 * 86_400_000,
  certificates: [{ name: 'mqtt', expiresAt: 10 * 86_400_000 }],
  lanes: { alarm: 1, live: 2, backlog: 4 },
  forwarder: { state: 'waiting', lastAckAt: undefined, inFlight: 0, error: 'connection refused' },
  health: { state: 'degraded', reasons: ['Kafka cannot be reached: connection refused'] },
} as unknown as StatusAnswer;

test('a status reads as lines that say what is waiting, how old it is and what is wrong', () => {
  const text = describeStatus(status, 61_000);
  expect(text).toContain('gw-1 at basel: degraded, waiting, up for 60 s');
  expect(text).toContain('7 waiting, the oldest 30 s old (1 alarm, 2 live, 4 backlog)');
  expect(text).toContain('mqtt: 9 days left');
  expect(text).toContain('! Kafka cannot be reached');
  expect(text).toContain('mqtt: ok, 3 connected');
});

test('a gateway that does not answer is named by its address', async () => {
  await expect(askStatus('http://127.0.0.1:9')).rejects.toMatchObject({ code: 'GATEWAY_SILENT' });
});
