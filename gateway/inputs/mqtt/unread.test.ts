import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { openAuthority } from '../../../infra/local/index.ts';
import { heldReceive } from '../input.contract.ts';
import { testBrokers } from './testing.ts';

const { open, onEnd } = testBrokers();

describe.each(['mqtt', 'mqtts'])('a resting input over %s', (scheme) => {
  let ca: string | undefined;
  const secured = async () => {
    if (scheme === 'mqtt') return {};
    const dir = mkdtempSync(join(tmpdir(), 'headwater-mqtts-'));
    onEnd(() => rmSync(dir, { recursive: true, force: true }));
    const authority = await openAuthority(dir);
    const { cert, key } = await authority.issue({ name: 'gateway', ips: ['127.0.0.1'], server: true });
    ca = authority.ca;
    return { tls: { cert, key } };
  };

  test('reads what devices sent meanwhile when the rest is over, and a device that comes at once', async () => {
    const { input, device, messages } = await open(await secured());
    const client = await device({ ca });
    await client.publishAsync('devices/a', '1', { qos: 1 });
    input.rest!(true);
    const sent = client.publishAsync('devices/a', '2', { qos: 1 });
    await (await device({ ca })).publishAsync('devices/b', '3', { qos: 1 });
    expect(messages.map(({ payload }) => String(payload))).toEqual(['1', '3']);
    input.rest!(false);
    await sent;
    expect(messages.map(({ payload }) => String(payload))).toEqual(['1', '3', '2']);
  });

  test('sees then that a device has gone', async () => {
    const { input, device } = await open(await secured());
    const client = await device({ ca });
    input.rest!(true);
    await client.endAsync(true);
    input.rest!(false);
    await vi.waitFor(() => expect(input.status().detail).toContain('0 connected'), { timeout: 30_000 });
  });

  test('takes all of a device that sends more than may wait', async () => {
    const held = heldReceive();
    const { input, device } = await open(await secured(), held.receive);
    const client = await device({ ca });
    const sending = Array.from({ length: 1500 }, () => client.publishAsync('devices/a', '1', { qos: 1 }));
    for (let taken = 0; taken < 1500; ) {
      input.rest!(true);
      await new Promise((resolve) => setImmediate(resolve));
      while (taken < held.messages.length) {
        held.answer('stored');
        taken++;
      }
      input.rest!(false);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(sending);
  });
});

test('an input through which devices talk to each other never rests', async () => {
  const { input, device, messages } = await open({ local: ['rooms/#'] });
  const client = await device();
  input.rest!(true);
  await client.publishAsync('devices/a', '1', { qos: 1 });
  expect(messages).toHaveLength(1);
});
