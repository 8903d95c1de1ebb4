import { expect, test } from 'vitest';
import { Health } from '../../contract/index.ts';
import { brokersHealth, expiryOf, lagMaxOf } from './state.ts';

const DAY = 86_400_000;
const NOW = 1_790_000_000_000;

test('of several certificates the first to end is told, with its days, also when it has ended', () => {
  const ca = { name: 'kafka_ca', expiresAt: NOW + 900 * DAY };
  expect(expiryOf([ca, { name: 'kafka_broker', expiresAt: NOW + 20.04 * DAY }], NOW)).toEqual({
    certificateExpiresAt: NOW + 20.04 * DAY,
    certificate: 'kafka_broker',
    certificateDaysLeft: 20,
  });
  expect(expiryOf([{ name: 'kafka_broker', expiresAt: NOW - 2 * DAY }], NOW).certificateDaysLeft).toBe(-2);
  expect(expiryOf([], NOW)).toEqual({ certificateExpiresAt: null });
});

test('the greatest lag is told with whose it is; nothing where no group has read', () => {
  expect(lagMaxOf({ 'hub.a/x': 3, 'page.hub-1/y': 9, 'hub.b/z': 0 })).toEqual({ lagMax: 9, lagMaxOf: 'page.hub-1/y' });
  expect(lagMaxOf({})).toEqual({});
});

test('each broker has an account of its own, valid by the contract, and one that is gone says so', () => {
  const broker = { replicas: 10, outOfSync: 0, offline: 0 };
  const brokers = [
    { ...broker, id: 1, address: 'kafka-1:9093', disk: { freeBytes: 5_000, totalBytes: 9_000 } },
    { ...broker, id: 2, address: undefined, disk: undefined, outOfSync: 10, offline: 4 },
  ];
  const told = brokersHealth({ brokers, partitions: 10, underReplicated: 10, offline: 4 }, () => NOW + 30 * DAY, NOW);
  expect(told.map((health) => Health.parse(health))).toEqual(told);
  expect(told).toMatchObject([
    {
      process: 'kafka-1',
      kind: 'kafka',
      diskFreeBytes: 5_000,
      certificateDaysLeft: 30,
      counts: { up: 1, outOfSync: 0 },
    },
    {
      process: 'kafka-2',
      diskFreeBytes: null,
      certificateExpiresAt: null,
      counts: { up: 0, outOfSync: 10, offlinePartitions: 4 },
    },
  ]);
});
