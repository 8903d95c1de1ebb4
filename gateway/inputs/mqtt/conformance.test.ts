import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IClientOptions, MqttClient } from 'mqtt';
import { expect, test, vi } from 'vitest';
import { type TestBroker, testBrokers } from './testing.ts';

// What a client of MQTT 3.1.1 may expect of any server, where the gateway lets devices talk to each other. docs/how-to/mqtt.md says how to run
// the interoperability suite of Eclipse Paho against it.

const { open } = testBrokers();
const SETTINGS = {
  anonymous: { publish: ['#'], subscribe: ['#', '!private/#'] },
  local: ['#', '!devices/#'],
};

/** A client, and what came to it: `topic payload qos`, with `retained` behind it where that was said. */
async function listener({ device }: TestBroker, options?: IClientOptions) {
  const client = await device(options);
  const received: string[] = [];
  client.on('message', (topic, payload, { qos, retain }) => {
    received.push(`${topic} ${payload} ${qos}${retain ? ' retained' : ''}`);
  });
  return { client, received };
}

async function publish(client: MqttClient, topic: string, retain = false): Promise<void> {
  for (const qos of [0, 1, 2] as const) await client.publishAsync(`${topic}${qos}`, `q${qos}`, { qos, retain });
}

test('messages of each QoS come to who subscribed, and a second CONNECT or another protocol’s name ends the connection', async () => {
  const broker = await open(SETTINGS);
  const { client, received } = await listener(broker);
  expect(await client.subscribeAsync('a/+', { qos: 2 })).toMatchObject([{ qos: 2 }]);
  await publish(client, 'a/');
  await vi.waitFor(() => expect(received).toEqual(['a/0 q0 0', 'a/1 q1 1', 'a/2 q2 2']));
  expect(broker.messages).toEqual([]);

  const twice = await broker.raw();
  expect(await twice.connect({ clientId: 'twice' })).toMatchObject({ returnCode: 0, sessionPresent: false });
  twice.send({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clientId: 'twice', clean: true, keepalive: 0 });
  await twice.untilClosed();
  const other = await broker.raw();
  other.send(Buffer.from('\x10\x0c\x00\x02hj\x04\x02\x00\x00\x00\x02hi', 'latin1'));
  await other.untilClosed();
});

test('what a client sends right behind its subscription, unanswered yet, comes to it as well', async () => {
  const broker = await open(SETTINGS);
  const client = await broker.raw();
  await client.connect({ clientId: 'hasty', clean: false });
  client.send(
    { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'a/#', qos: 1 }] },
    { cmd: 'subscribe', messageId: 2, subscriptions: [{ topic: 'b/#', qos: 1 }] },
    { cmd: 'publish', topic: 'a/b', payload: 'mine', qos: 1, messageId: 3, dup: false, retain: false },
  );
  expect(await client.next('suback')).toMatchObject({ messageId: 1 });
  expect(await client.next('suback')).toMatchObject({ messageId: 2 });
  expect(await client.next('publish')).toMatchObject({ topic: 'a/b' });
  expect(await client.next('puback')).toMatchObject({ messageId: 3 });
});

test('a retained message comes to later subscribers, until it is replaced by an empty one', async () => {
  const broker = await open(SETTINGS);
  const sender = await broker.device();
  await publish(sender, 'r/', true);
  const first = await listener(broker);
  await first.client.subscribeAsync('r/#', { qos: 2 });
  await vi.waitFor(() =>
    expect(first.received.sort()).toEqual(['r/0 q0 0 retained', 'r/1 q1 1 retained', 'r/2 q2 2 retained']),
  );
  for (const qos of [0, 1, 2] as const) await sender.publishAsync(`r/${qos}`, '', { qos, retain: true });
  const second = await listener(broker);
  await second.client.subscribeAsync(['r/#', 'end'], { qos: 2 });
  await sender.publishAsync('end', '', { qos: 1 });
  await vi.waitFor(() => expect(second.received).toEqual(['end  1']));
});

test('a client without an id is named when its session is clean, and refused when it is not', async () => {
  const { raw } = await open(SETTINGS);
  const lasting = await raw();
  // The library would not write such a CONNECT.
  lasting.send(Buffer.from('\x10\x0c\x00\x04MQTT\x04\x00\x00\x00\x00\x00', 'latin1'));
  expect(await lasting.next('connack')).toMatchObject({ returnCode: 2 });
  await lasting.untilClosed();
  expect(await (await raw()).connect({ clientId: '', clean: true })).toMatchObject({ returnCode: 0 });
});

test('a client id of more than 256 bytes is refused: it is remembered with each commit', async () => {
  const { raw } = await open();
  const long = await raw();
  expect(await long.connect({ clientId: 'ä'.repeat(129), clean: true })).toMatchObject({ returnCode: 2 });
  await long.untilClosed();
  expect(await (await raw()).connect({ clientId: 'ä'.repeat(128), clean: true })).toMatchObject({ returnCode: 0 });
});

test('messages of QoS 1 and 2 wait for a client that is away, if its session lasts', async () => {
  const broker = await open(SETTINGS);
  const lasting = { clientId: 'away', clean: false };
  const first = await listener(broker, lasting);
  await first.client.subscribeAsync('o/#', { qos: 2 });
  await first.client.endAsync();
  await publish(await broker.device(), 'o/');
  const { raw } = broker;
  const again = await raw();
  expect(await again.connect(lasting)).toMatchObject({ sessionPresent: true });
  expect([await again.next('publish'), await again.next('publish')]).toMatchObject([
    { topic: 'o/1' },
    { topic: 'o/2' },
  ]);
});

test('subscriptions that overlap bring a message at the highest QoS of them, or once each', async () => {
  const broker = await open(SETTINGS);
  const { client, received } = await listener(broker);
  await client.subscribeAsync({ 'v/#': { qos: 2 }, 'v/+': { qos: 1 } });
  await client.publishAsync('v/x', '1', { qos: 2 });
  await client.subscribeAsync('end', { qos: 1 });
  await client.publishAsync('end', '', { qos: 1 });
  await vi.waitFor(() => expect(received).toContain('end  1'));
  const its = received.filter((message) => message.startsWith('v/')).sort();
  expect([['v/x 1 2'], ['v/x 1 1', 'v/x 1 2']]).toContainEqual(its);
});

test('a client silent for one and a half times its keep-alive is cut off, and its will is published', async () => {
  const broker = await open(SETTINGS);
  const { client, received } = await listener(broker);
  await client.subscribeAsync('will/#', { qos: 1 });
  const [silent, pinging] = [await broker.raw(), await broker.raw()];
  const will = (topic: string) => ({ topic, payload: Buffer.from('gone'), qos: 1 as const, retain: false });
  await silent.connect({ clientId: 'silent', keepalive: 1, will: will('will/silent') });
  await pinging.connect({ clientId: 'pinging', keepalive: 1, will: will('will/pinging') });
  const pings = setInterval(() => pinging.send({ cmd: 'pingreq' }), 300);
  await silent.untilClosed();
  clearInterval(pings);
  await vi.waitFor(() => expect(received).toEqual(['will/silent gone 1']));
  expect(pinging.closed).toBe(false);
  expect(pinging.received.filter(({ cmd }) => cmd === 'pingresp').length).toBeGreaterThan(0);
  pinging.send({ cmd: 'disconnect' });
  await pinging.untilClosed();
  expect(received).toHaveLength(1);
});

test('what a client did not acknowledge is sent again when it is back', async () => {
  const { raw, device } = await open(SETTINGS);
  const lasting = { clientId: 'deaf', clean: false };
  const deaf = await raw();
  await deaf.connect(lasting);
  deaf.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'n/#', qos: 2 }] });
  await deaf.next('suback');
  await publish(await device(), 'n/');
  for (let n = 0; n < 3; n++) await deaf.next('publish');
  deaf.end();
  const again = await raw();
  await again.connect(lasting);
  expect([await again.next('publish'), await again.next('publish')]).toMatchObject([
    { topic: 'n/1', qos: 1 },
    { topic: 'n/2', qos: 2 },
  ]);
});

test('a subscription that is not granted is answered with 0x80, beside those that are', async () => {
  const { raw } = await open(SETTINGS);
  const client = await raw();
  await client.connect({ clientId: 'nosy' });
  const subscriptions = ['open/x', 'private/x'].map((topic) => ({ topic, qos: 1 as const }));
  client.send({ cmd: 'subscribe', messageId: 1, subscriptions });
  expect(await client.next('suback')).toMatchObject({ granted: [1, 0x80] });
});

test('a filter that begins with a wildcard brings nothing of a topic that begins with $', async () => {
  const broker = await open(SETTINGS);
  const { client, received } = await listener(broker);
  await client.subscribeAsync(['#', '+/x']);
  await client.publishAsync('$own/x', '1', { qos: 1 });
  await client.publishAsync('own/x', '1', { qos: 1 });
  await vi.waitFor(() => expect(received.length).toBeGreaterThan(0));
  expect(received.every((message) => message.startsWith('own/x'))).toBe(true);
});

test('what was unsubscribed from no longer comes', async () => {
  const broker = await open(SETTINGS);
  const { client, received } = await listener(broker);
  await client.subscribeAsync(['u/1', 'u/2'], { qos: 1 });
  await client.unsubscribeAsync('u/1');
  const sender = await broker.device();
  await sender.publishAsync('u/1', '', { qos: 1 });
  await sender.publishAsync('u/2', '', { qos: 1 });
  await vi.waitFor(() => expect(received).toEqual(['u/2  1']));
});

test('subscriptions and sessions outlast a restart of the gateway, and what passes between devices is not stored', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-mqtt-'));
  try {
    const settings = { ...SETTINGS, sessionsFile: join(dir, 'sessions.json') };
    const lasting = { clientId: 'valve', clean: false };
    let broker = await open(settings);
    const first = await broker.raw();
    await first.connect(lasting);
    first.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'commands/valve', qos: 1 }] });
    await first.next('suback');
    await broker.input.close();

    broker = await open(settings);
    await (await broker.device()).publishAsync('commands/valve', 'open', { qos: 1 });
    const again = await broker.raw();
    expect(await again.connect(lasting)).toMatchObject({ sessionPresent: true });
    expect(await again.next('publish')).toMatchObject({ topic: 'commands/valve', payload: Buffer.from('open') });
    expect(broker.messages).toEqual([]);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
