import { afterEach, expect, test, vi } from 'vitest';
import { GatewayStatus, Health } from '../../contract/index.ts';
import type { Producer, TopicBatch } from '../../kafka/index.ts';
import { startReporter } from './report.ts';
import type { Snapshot } from './snapshot.ts';

const log = { debug: () => {} };
const NOW = 1_800_000_000_000;
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const snapshot = async (): Promise<Snapshot> => ({
  status: {
    gateway: 'gw-1',
    site: 'plant',
    version: '0.1.0',
    incarnation: 'i',
    ts: NOW,
    startedAt: NOW,
    backlog: { readings: 3, bytes: 4_096, oldestTs: NOW },
    counts: { acknowledged: 5, forwarded: 2, rejected: 0, duplicates: 0, evicted: 0, lost: 0 },
    inputs: [],
    disk: { freeBytes: 1, bufferBytes: 4_096 },
    certificateExpiresAt: NOW + 9 * 86_400_000,
    certificates: [
      { name: 'kafka_ca', expiresAt: NOW + 900 * 86_400_000 },
      { name: 'mqtt', expiresAt: NOW + 9 * 86_400_000 },
    ],
  },
  buffer: {} as Snapshot['buffer'],
  forwarder: { state: 'forwarding', lastAckAt: NOW, inFlight: 0 },
  inputs: [],
  framesLost: 0,
  deadLettersHeldBack: 0,
  rules: {},
  clock: { set: true, heldBytes: 0 },
  health: { state: 'ok', reasons: [] },
});

/** Stands for Kafka, which fails as often as it is told to. */
function kafka(failures = 0) {
  const sent: (readonly TopicBatch[])[] = [];
  const state = { opened: 0, closed: 0, sent };
  const open = async (): Promise<Producer> => {
    state.opened++;
    return {
      async send(batches) {
        if (failures-- > 0) throw new Error('Kafka is away');
        sent.push(batches);
      },
      async close() {
        state.closed++;
      },
    };
  };
  return { state, open };
}

test('tells the gateway’s status and its health, valid by the contract', async () => {
  const { state, open } = kafka();
  const reporter = startReporter({ snapshot, kafka: open, everyMs: 60_000, log });
  closers.push(() => reporter.close());
  await vi.waitFor(() => expect(state.sent).toHaveLength(1));
  const [gateways, health] = state.sent[0]!;
  expect(gateways).toMatchObject({ topic: 'gateways', records: [{ key: 'gw-1', headers: { v: '1' } }] });
  expect(GatewayStatus.parse(JSON.parse(`${gateways?.records[0]?.value}`)).backlog.readings).toBe(3);
  expect(health?.topic).toBe('platform.health');
  expect(Health.parse(JSON.parse(`${health?.records[0]?.value}`))).toMatchObject({
    kind: 'gateway',
    process: 'gw-1',
    certificate: 'mqtt',
    certificateDaysLeft: 9,
  });
});

test('drops a report that Kafka does not take, and tells the next one by a new producer', async () => {
  const { state, open } = kafka(2);
  const reporter = startReporter({ snapshot, kafka: open, everyMs: 20, log });
  closers.push(() => reporter.close());
  await vi.waitFor(() => expect(state.sent.length).toBeGreaterThan(1));
  expect(state).toMatchObject({ opened: 3, closed: 2 });
  await reporter.close();
  await vi.waitFor(() => expect(state.closed).toBe(3));
});

test('closes at once while Kafka keeps it waiting', async () => {
  const { promise, resolve } = Promise.withResolvers<Producer>();
  const reporter = startReporter({ snapshot, kafka: () => promise, everyMs: 20, log });
  await reporter.close();
  const { state, open } = kafka();
  resolve(await open());
  await vi.waitFor(() => expect(state).toMatchObject({ opened: 1, closed: 1, sent: [] }));
});

test('tells that it stops, as the last thing', async () => {
  const { state, open } = kafka();
  const reporter = startReporter({ snapshot, kafka: open, everyMs: 60_000, log });
  await vi.waitFor(() => expect(state.sent).toHaveLength(1));
  await reporter.close();
  expect(state.sent.map((batches) => statusOf(batches).state)).toEqual(['running', 'stopped']);
  expect(state.closed).toBe(1);
});

test('goes on over a new connection when told to', async () => {
  const { state, open } = kafka();
  const reporter = startReporter({ snapshot, kafka: open, everyMs: 20, log });
  closers.push(() => reporter.close());
  await vi.waitFor(() => expect(state.sent.length).toBeGreaterThan(1));
  reporter.reconnect();
  await vi.waitFor(() => expect(state).toMatchObject({ opened: 2, closed: 1 }));
});

const statusOf = (batches: readonly TopicBatch[]) =>
  GatewayStatus.parse(JSON.parse(`${batches[0]?.records[0]?.value}`));
