import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { type Outcome, openBuffer } from '../../buffer/index.ts';
import { Decoder } from '../decode/decode.ts';
import type { Message } from '../input.ts';
import { testBrokers } from './testing.ts';

const { open } = testBrokers();

/** A buffer that is full until it is said not to be. */
async function openFull() {
  let accepted = false;
  const outcome = (): Promise<Outcome> => Promise.resolve(accepted ? 'stored' : 'refused');
  const receive = Object.assign(() => ({ id: undefined, outcome: outcome(), size: 0 }), {
    accepts: () => Promise.resolve(accepted),
  });
  const broker = await open({}, receive);
  return { ...broker, drain: () => (accepted = true) };
}

test('a full buffer closes who publishes and lets nobody in, until it says that it accepts again', async () => {
  const { device, input, drain } = await openFull();
  const [client, idle] = [await device(), await device()];
  const closed = new Promise<void>((resolve) => client.once('close', resolve));
  client.publish('devices/d/x', '1', { qos: 1 }, () => {});
  await closed;
  await expect(device()).rejects.toMatchObject({ code: 3 });
  expect(input.status()).toMatchObject({
    state: 'waiting',
    detail: expect.stringContaining('buffer is full'),
    lost: 0,
  });
  // Longer than the gateway waits between two questions.
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  await expect(device()).rejects.toMatchObject({ code: 3 });
  expect(idle.connected).toBe(true);

  drain();
  const back = await vi.waitFor(() => device(), { interval: 100 });
  await back.publishAsync('devices/d/x', '1', { qos: 1 });
  await idle.publishAsync('devices/d/x', '1', { qos: 1 });
  expect(input.status().state).toBe('ok');
});

test('with a real buffer: refused until it has fallen below its low-water mark, and everything acknowledged is there', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-full-'));
  const buffer = await openBuffer({ dir, maxBytes: 2 ** 20, maxAgeMs: 1e9, whenFull: 'reject-new', liveWithinMs: 1e9 });
  try {
    const decoder = new Decoder({ gateway: 'gw', site: 's' });
    const receive = (message: Message) => {
      const submission = decoder.decode(message, Date.now());
      return { id: submission.id, outcome: buffer.submit(submission), size: 0 };
    };
    const accepts = async () => (await buffer.status()).problem === null;
    const { device, input } = await open({}, Object.assign(receive, { accepts }));
    const client = await device();
    let acknowledged = 0;
    const values = JSON.stringify({ values: Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`m${n}`, n])) });
    const closed = new Promise<boolean>((resolve) => client.once('close', () => resolve(false)));
    const publish = () => client.publishAsync('devices/d', values, { qos: 1 }).then(() => true);
    while (await Promise.race([publish(), closed])) acknowledged++;
    await expect(device()).rejects.toMatchObject({ code: 3 });
    const limit = { records: 100_000, bytes: 2 ** 30 };
    const stored = await buffer.peek('live', 0, limit);
    expect(stored.length).toBe(acknowledged * 100);

    await buffer.release('live', Math.floor(stored.length * 0.02));
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    await expect(device(), 'it is still above the low-water mark').rejects.toMatchObject({ code: 3 });
    await buffer.release('live', Math.floor(stored.length * 0.5));
    const back = await vi.waitFor(() => device(), { interval: 100 });
    await back.publishAsync('devices/d', values, { qos: 1 });
    expect(input.status()).toMatchObject({ state: 'ok', lost: 0 });
  } finally {
    await buffer.close();
    rmSync(dir, { recursive: true });
  }
});

test('a QoS 0 message that could not be kept is counted as lost, and its sender is told by the closed connection', async () => {
  const { device, input } = await openFull();
  const client = await device();
  const closed = new Promise<void>((resolve) => client.once('close', resolve));
  await client.publishAsync('devices/d/x', '1', { qos: 0 });
  await closed;
  expect(input.status().lost).toBe(1);
});

test('a will that could not be kept is counted as lost', async () => {
  const { raw, input } = await openFull();
  const client = await raw();
  await client.connect({
    clientId: 'c',
    will: { topic: 'devices/d', payload: Buffer.from('{}'), qos: 1, retain: false },
  });
  client.end();
  await vi.waitFor(() => expect(input.status().lost).toBe(1));
});
