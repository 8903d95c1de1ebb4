import { connect } from 'node:net';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Outcome } from '../../buffer/index.ts';
import { Decoder } from '../decode/decode.ts';
import { heldReceive } from '../input.contract.ts';
import type { Message } from '../input.ts';
import { hashPassword } from './accounts.ts';
import { type MqttOptions, mqttInput } from './input.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function open(options: Partial<MqttOptions> = {}) {
  const messages: Message[] = [];
  const outcomes: Outcome[] = [];
  const decoder = new Decoder({ gateway: 'gw', site: 's' });
  const input = mqttInput({ host: '127.0.0.1', port: 0, maxClients: 10, ...options });
  await input.start((message) => {
    messages.push(message);
    return { id: decoder.decode(message, Date.now()).id, outcome: Promise.resolve(outcomes.shift() ?? 'stored') };
  });
  closers.push(() => input.close());
  const device = async (more: IClientOptions = {}): Promise<MqttClient> => {
    const client = await connectAsync(`mqtt://127.0.0.1:${input.port}`, { reconnectPeriod: 0, ...more });
    client.on('error', () => {});
    closers.push(() => client.endAsync(true));
    return client;
  };
  return { input, messages, outcomes, device };
}

describe('what would make aedes hang up without an answer is taken and acknowledged', () => {
  test.each([
    ['a wildcard', 'devices/+/temperature'],
    ['a hash', 'devices/#'],
    ['many levels', Array(150).fill('x').join('/')],
    ['a long name', `devices/${'x'.repeat(200)}`],
  ])('a topic with %s', async (_name, topic) => {
    const { input, messages } = await open();
    const answer = await rawPublish(input.port, topic);
    expect(answer).toBe('puback');
    expect(messages.map((message) => message.topic)).toEqual([topic]);
  });

  test('an empty topic', async () => {
    const { input, messages } = await open();
    expect(await rawPublish(input.port, '')).toBe('puback');
    expect(messages.map((message) => message.topic)).toEqual(['']);
  });
});

test('a refused QoS 1 message closes its connection, and nobody is let in for a while', async () => {
  const { input, outcomes, device } = await open();
  outcomes.push('refused');
  const client = await device();
  const closed = new Promise<void>((resolve) => client.once('close', resolve));
  client.publish('devices/d/x', '1', { qos: 1 });
  await closed;
  await expect(device()).rejects.toMatchObject({ code: 3 });
  expect(input.status().state).toBe('waiting');
  const back = await vi.waitFor(() => device(), { timeout: 5_000, interval: 200 });
  await back.publishAsync('devices/d/x', '1', { qos: 1 });
});

test('takes at most 64 numbered frames of a connection at a time, and none after one that was refused', async () => {
  const held = heldReceive();
  const input = mqttInput({ host: '127.0.0.1', port: 0, maxClients: 10 });
  await input.start(held.receive);
  closers.push(() => input.close());
  const client = await connectAsync(`mqtt://127.0.0.1:${input.port}`, { reconnectPeriod: 0 });
  closers.push(() => client.endAsync(true));
  const closed = new Promise<void>((resolve) => client.once('close', resolve));
  for (let n = 1; n <= 200; n++) {
    client.publish('devices/d', `{"boot":"aa","n":${n},"values":{"x":1}}`, { qos: 1 }, () => {});
  }
  await vi.waitFor(() => expect(held.messages).toHaveLength(64));
  held.answer('stored');
  held.answer('stored');
  await vi.waitFor(() => expect(held.messages).toHaveLength(66));
  held.answer('refused');
  await closed;
  for (let n = 4; n <= 66; n++) held.answer('stored');
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(held.messages).toHaveLength(66);
});

test('a refused QoS 0 message is counted as lost', async () => {
  const { input, outcomes, device } = await open();
  outcomes.push('refused');
  const client = await device();
  await client.publishAsync('devices/d/x', '1', { qos: 0 });
  await vi.waitFor(() => expect(input.status().lost).toBe(1));
  expect(client.connected).toBe(true);
});

test('hands over the packet id of the client’s session and whether it is a repeat', async () => {
  const { input, messages } = await open();
  await rawPublish(input.port, 'devices/d/x');
  await rawPublish(input.port, 'devices/d/x', { dup: true });
  expect(messages.map((message) => message.packet)).toEqual([
    { client: 'hi', packetId: 1, dup: false },
    { client: 'hi', packetId: 1, dup: true },
  ]);
});

test('QoS 2 is taken too', async () => {
  const { messages, device } = await open();
  const client = await device();
  await client.publishAsync('devices/d/x', '1', { qos: 2 });
  expect(messages).toHaveLength(1);
});

test('subscribers get what devices send, at QoS 0, and nothing is retained', async () => {
  const { device } = await open();
  const [subscriber, sender] = [await device({ clientId: 'sub', clean: false }), await device()];
  const granted = await subscriber.subscribeAsync('devices/#', { qos: 1 });
  expect(granted[0]?.qos).toBe(0);
  const received = new Promise<string>((resolve) => subscriber.once('message', (_topic, bytes) => resolve(`${bytes}`)));
  await sender.publishAsync('devices/d/x', '7', { qos: 1, retain: true });
  expect(await received).toBe('7');
  const late = await device();
  late.on('message', () => expect.fail('a retained message was delivered'));
  await late.subscribeAsync('devices/#');
  await late.publishAsync('devices/late', '{}', { qos: 0 }).catch(() => {});
});

test('a packet that is too large ends its connection, one of many parts does not', async () => {
  const errors: string[] = [];
  const { messages, device } = await open({ onClientError: (_client, error) => errors.push(error.message) });
  const client = await device();
  await client.publishAsync('devices/d', Buffer.alloc(50_000, 'x'), { qos: 1 });
  expect(messages).toHaveLength(1);
  const closed = new Promise<void>((resolve) => client.once('close', resolve));
  client.publish('devices/d', Buffer.alloc(1_000_000, 'x'), { qos: 1 });
  await closed;
  expect(messages).toHaveLength(1);
  expect(errors[0]).toContain('larger than 65536');
});

test('many messages of many clients at once are all acknowledged, whatever the slices they are read in', async () => {
  const messages: Message[] = [];
  const waiting: (() => void)[] = [];
  const input = mqttInput({ host: '127.0.0.1', port: 0, maxClients: 50 });
  await input.start((message) => {
    messages.push(message);
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    waiting.push(() => resolve('stored'));
    return { id: undefined, outcome: promise };
  });
  closers.push(() => input.close());
  const commits = setInterval(() => waiting.splice(0).map((settle) => settle()), 5);
  closers.push(async () => clearInterval(commits));
  const clients = await Promise.all(Array.from({ length: 20 }, () => connectAsync(`mqtt://127.0.0.1:${input.port}`)));
  for (const client of clients) closers.push(() => client.endAsync(true));
  const sizes = Array.from({ length: 300 }, (_, i) => Buffer.alloc(1 + ((i * 37) % 3_000), 'x'));
  await Promise.all(
    clients.flatMap((client) => sizes.map((bytes) => client.publishAsync('devices/d', bytes, { qos: 1 }))),
  );
  expect(messages).toHaveLength(20 * 300);
});

describe('accounts', () => {
  test('let in who has the password, and nobody else', async () => {
    const { device } = await open({ accounts: new Map([['dev', await hashPassword('secret')]]) });
    await device({ username: 'dev', password: 'secret' });
    await expect(device({ username: 'dev', password: 'wrong' })).rejects.toMatchObject({ code: 4 });
    await expect(device({ username: 'other', password: 'secret' })).rejects.toMatchObject({ code: 4 });
    await expect(device()).rejects.toMatchObject({ code: 4 });
  });
});

test('a port that is taken is named', async () => {
  const { input } = await open();
  const second = mqttInput({ host: '127.0.0.1', port: input.port, maxClients: 10 });
  closers.push(() => second.close());
  await expect(second.start(() => expect.fail())).rejects.toMatchObject({ code: 'MQTT_PORT' });
});

/** Publishes with QoS 1 on a topic no client library would let through, and says what came back. */
async function rawPublish(port: number, topic: string, { dup = false } = {}): Promise<'puback' | 'closed'> {
  const socket = connect(port, '127.0.0.1');
  closers.push(async () => socket.destroy());
  const text = Buffer.from(topic);
  const body = Buffer.concat([Buffer.from([text.length >> 8, text.length & 255]), text, Buffer.from([0, 1, 0x31])]);
  const length = body.length < 128 ? [body.length] : [(body.length & 127) | 128, body.length >> 7];
  const hello = Buffer.from('\x10\x0e\x00\x04MQTT\x04\x02\x00\x00\x00\x02hi', 'latin1');
  socket.write(Buffer.concat([hello, Buffer.from([dup ? 0x3a : 0x32, ...length]), body]));
  return new Promise((resolve) => {
    let received = Buffer.alloc(0);
    socket.on('data', (data) => {
      received = Buffer.concat([received, data]);
      if (received.includes(Buffer.from([0x40, 2, 0, 1]))) resolve('puback');
    });
    socket.on('close', () => resolve('closed'));
    socket.on('error', () => {});
  });
}
