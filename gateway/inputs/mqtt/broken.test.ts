import mqtt from 'mqtt-packet';
import { describe, expect, test, vi } from 'vitest';
import { testBrokers } from './testing.ts';

const { open } = testBrokers();
const CONNECT = mqtt.generate({
  cmd: 'connect',
  protocolId: 'MQTT',
  protocolVersion: 4,
  clientId: 'bad',
  clean: true,
  keepalive: 0,
});

describe('what breaks the protocol closes its connection, is a dead letter and counted, and harms nobody else', () => {
  test.each([
    ['a packet larger than 64 KiB', Buffer.from([0x30, 0x80, 0x80, 0x08, 0, 9]), 'PACKET_TOO_LARGE'],
    ['QoS 3', Buffer.from([0x36, 5, 0, 1, 0x61, 0, 1]), 'PACKET_MALFORMED'],
    ['a topic that is longer than its packet', Buffer.from([0x32, 5, 0, 99, 0x61, 0, 1]), 'PACKET_MALFORMED'],
    ['a length without an end', Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0xff]), 'PACKET_MALFORMED'],
    ['a second CONNECT', CONNECT, 'PACKET_MALFORMED'],
    ['a SUBSCRIBE without a filter', Buffer.from([0x82, 2, 0, 1]), 'PACKET_MALFORMED'],
    ['a packet type that does not exist', Buffer.from([0xf0, 0]), 'PACKET_MALFORMED'],
  ])('%s', async (_name, bytes, code) => {
    const { raw, device, submissions, input } = await open();
    const other = await device();
    const client = await raw();
    await client.connect({ clientId: 'bad' });
    client.publish(1, 1);
    await client.next('puback');
    client.send(bytes);
    await client.untilClosed();
    await vi.waitFor(() => expect(input.status().unreadable).toBe(1));
    expect(input.status().detail).toContain('1 connections closed that broke the protocol');
    const letter = JSON.parse(submissions.at(-1)!.entries[0]!.value);
    expect(letter).toMatchObject({ origin: 'mqtt', code, reason: expect.stringContaining('client bad') });
    await other.publishAsync('devices/d/x', '2', { qos: 1 });
  });

  test('something that is not MQTT', async () => {
    const { raw, input } = await open();
    const client = await raw();
    client.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    await client.untilClosed();
    await vi.waitFor(() => expect(input.status().unreadable).toBe(1));
  });
});

test('a packet of almost 64 KiB in many parts is taken', async () => {
  const { raw, messages } = await open();
  const client = await raw();
  await client.connect({ clientId: 'large' });
  const packet = mqtt.generate({
    cmd: 'publish',
    topic: 'devices/d',
    payload: 'x'.repeat(65_000),
    qos: 1,
    messageId: 5,
    dup: false,
    retain: false,
  });
  for (let at = 0; at < packet.length; at += 9_000) {
    client.send(packet.subarray(at, at + 9_000));
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await client.next('puback')).toMatchObject({ messageId: 5 });
  expect(messages[0]?.payload).toHaveLength(65_000);
});

test('one bad device cannot fill the disk with dead letters: some are kept, the others counted', async () => {
  const { device, submissions } = await open();
  const [bad, good] = [await device({ clientId: 'bad' }), await device({ clientId: 'good' })];
  for (let n = 0; n < 300; n++) await bad.publishAsync('devices/d/x', 'no number', { qos: 1 });
  const letters = () => submissions.flatMap(({ entries }) => entries).filter(({ kind }) => kind === 'rejected').length;
  expect(letters()).toBe(100);
  await good.publishAsync('devices/d/x', 'no number', { qos: 1 });
  expect(letters()).toBe(101);
});
