import { expect, test, vi } from 'vitest';
import { startHealth } from './report.ts';

const clients = vi.hoisted(() => ({ open: 0, refused: 0 }));

vi.mock('../../kafka/index.ts', async (original) => ({
  ...(await original<object>()),
  openAdmin: async () => {
    clients.open++;
    return { close: async () => void clients.open-- };
  },
  openProducer: async () => {
    clients.refused++;
    throw new Error('no controller');
  },
}));

test('a Kafka that lets readers in and no writers is not left with a connection for each try', async () => {
  const health = startHealth({
    kafka: { brokers: [], clientId: 'c', ca: '', username: 'u', password: 'p' },
    process: 'hub-1',
    version: '1',
    dir: '/',
    groups: () => [],
    counts: () => ({}),
    latency: () => ({ p50: null, p99: null }),
    everyMs: 1,
    brokersEveryMs: 1_000,
    log: { warn() {} },
  });
  await vi.waitUntil(() => clients.refused > 3, { timeout: 30_000 });
  await health.close();
  expect(clients.open).toBe(0);
});
