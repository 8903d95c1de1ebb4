import { describe, expect, test, vi } from 'vitest';
import type { Producer } from '../../kafka/index.ts';
import { startForwarder } from './index.ts';
import { Broker, bench, never, submit, untilEmpty } from './testing.ts';

describe('a new connection while it forwards', () => {
  test('takes over between two batches, and nothing is sent twice', async () => {
    const broker = new Broker();
    await using it = await bench(broker.open);
    const forwarder = startForwarder({ ...it.options, limits: { ...it.options.limits, batchRecords: 7 } });
    for (let n = 0; n < 300; n++) {
      void submit(it.buffer, String(n));
      if (n % 60 === 30) forwarder.reconnect();
      if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await untilEmpty(it.buffer);
    forwarder.reconnect();
    await vi.waitFor(() => expect(broker.producers).toBeGreaterThan(2));
    await forwarder.close();
    expect(broker.log.map(({ value }) => value)).toEqual(Array.from({ length: 300 }, (_, n) => `${n}`));
    expect(broker.mostSending).toBe(1);
  });

  test('is not needed to go on: while it is refused the old one serves, and the status says so until it is let in', async () => {
    const broker = new Broker();
    let refused = false;
    await using it = await bench(() => (refused ? Promise.reject(new Error('wrong password')) : broker.open()));
    const forwarder = startForwarder(it.options);
    await submit(it.buffer, 'before');
    await untilEmpty(it.buffer);
    refused = true;
    forwarder.reconnect();
    await vi.waitFor(() => expect(forwarder.status().warning).toContain('wrong password'));
    await submit(it.buffer, 'meanwhile');
    await untilEmpty(it.buffer);
    expect(forwarder.status()).toMatchObject({ state: 'forwarding', warning: expect.anything() });
    refused = false;
    await vi.waitFor(() => expect(forwarder.status().warning).toBe(undefined));
    expect(broker.producers).toBe(2);
    await submit(it.buffer, 'after');
    await untilEmpty(it.buffer);
    await forwarder.close();
    expect(broker.log.map(({ value }) => value)).toEqual(['before', 'meanwhile', 'after']);
  });

  test('is tried at once where Kafka was away and the next try is far off', async () => {
    const broker = new Broker(['no producer']);
    await using it = await bench(broker.open);
    await submit(it.buffer, 'x');
    const limits = { ...it.options.limits, firstRetryMs: 3_600_000, lastRetryMs: 3_600_000 };
    const forwarder = startForwarder({ ...it.options, limits });
    await vi.waitFor(() => expect(forwarder.status().state).toBe('waiting'));
    await vi.waitFor(async () => {
      forwarder.reconnect();
      expect((await it.buffer.status()).readings).toBe(0);
    });
    await forwarder.close();
  });

  test('is closed again where it comes after the forwarder was', async () => {
    const broker = new Broker();
    const { promise: late, resolve } = Promise.withResolvers<Producer>();
    let opened = 0;
    await using it = await bench(() => (opened++ === 0 ? broker.open() : late));
    const forwarder = startForwarder(it.options);
    await vi.waitFor(() => expect(forwarder.status().state).toBe('forwarding'));
    forwarder.reconnect();
    await forwarder.close();
    const closed = vi.fn(async () => {});
    resolve({ send: async () => {}, close: closed });
    await vi.waitFor(() => expect(closed).toHaveBeenCalledOnce());
  });
});

test('a producer that comes after its opening was given up is closed', async () => {
  const broker = new Broker();
  const { promise: late, resolve } = Promise.withResolvers<Producer>();
  let opened = 0;
  await using it = await bench(() => (opened++ === 0 ? late : broker.open()));
  await submit(it.buffer, 'x');
  const forwarder = startForwarder({ ...it.options, limits: { ...it.options.limits, openMs: 20 } });
  await untilEmpty(it.buffer);
  const closed = vi.fn(async () => {});
  resolve({ send: async () => {}, close: closed });
  await vi.waitFor(() => expect(closed).toHaveBeenCalledOnce());
  await forwarder.close();
});

test.each<[string, (broker: Broker) => () => Promise<Producer>]>([
  ['opening', (broker) => () => (broker.producers++ === 0 ? never : broker.open())],
  [
    'sending',
    (broker) => async () => (broker.producers === 0 ? { ...(await broker.open()), send: () => never } : broker.open()),
  ],
])('%s that never ends is given up, and the next producer goes on', async (_, kafka) => {
  const broker = new Broker();
  await using it = await bench(kafka(broker));
  await submit(it.buffer, 'x');
  const forwarder = startForwarder({ ...it.options, limits: { ...it.options.limits, openMs: 30, sendMs: 30 } });
  await untilEmpty(it.buffer);
  await forwarder.close();
  expect(broker.readOnce().live).toEqual(['x']);
});
