import { Server } from 'node:net';
import { describe, expect, test, vi } from 'vitest';
import type { Outcome } from '../../buffer/index.ts';
import { heldReceive } from '../input.contract.ts';
import { hashPassword } from './accounts.ts';
import { mqttInput } from './input.ts';
import { testBrokers } from './testing.ts';

const { open, onEnd } = testBrokers();

describe('a message that can never become a reading is acknowledged all the same, so that it is not sent for ever', () => {
  test.each([
    ['with a wildcard in its topic', 'devices/+/temperature'],
    ['with a hash in its topic', 'devices/#'],
    ['with many levels', Array(150).fill('x').join('/')],
    ['with a long name', `devices/${'x'.repeat(200)}`],
    ['without a topic', ''],
  ])('%s', async (_name, topic) => {
    const { raw, messages, submissions } = await open();
    const client = await raw();
    await client.connect({ clientId: 'odd' });
    client.send(publishOf(topic));
    expect(await client.next('puback')).toMatchObject({ messageId: 1 });
    expect(messages.map((message) => message.topic)).toEqual([topic]);
    expect(submissions[0]?.entries).toMatchObject([{ kind: 'rejected' }]);
  });
});

test('takes at most 512 messages of a connection at a time, and none after one that was refused', async () => {
  const held = heldReceive();
  const { device } = await open({}, held.receive);
  const client = await device();
  const closed = new Promise<void>((resolve) => client.once('close', resolve));
  for (let n = 1; n <= 700; n++) {
    client.publish('devices/d', `{"boot":"aa","n":${n},"values":{"x":1}}`, { qos: 1 }, () => {});
  }
  await vi.waitFor(() => expect(held.messages).toHaveLength(512));
  held.answer('stored');
  held.answer('stored');
  await vi.waitFor(() => expect(held.messages).toHaveLength(514));
  held.answer('refused');
  await closed;
  for (let n = 4; n <= 514; n++) held.answer('stored');
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(held.messages).toHaveLength(514);
});

test('acknowledges in the order of the messages, whatever the order in which they were stored', async () => {
  const held: ((outcome: Outcome) => void)[] = [];
  const { raw } = await open({}, () => {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    held.push(resolve);
    return { id: undefined, outcome: promise, size: 0 };
  });
  const client = await raw();
  await client.connect({ clientId: 'c' });
  for (const packetId of [7, 8, 9]) client.publish(1, packetId);
  await vi.waitFor(() => expect(held).toHaveLength(3));
  for (const settle of held.reverse()) settle('stored');
  for (const messageId of [7, 8, 9]) expect(await client.next('puback')).toMatchObject({ messageId });
});

test('hands over the packet id of the client’s session and whether it is a repeat', async () => {
  const { raw, submissions } = await open();
  const client = await raw();
  await client.connect({ clientId: 'hi' });
  client.publish(1, 1);
  client.publish(1, 1, { dup: true });
  await vi.waitFor(() => expect(submissions).toHaveLength(2));
  expect(submissions.map(({ id }) => id)).toMatchObject([
    { kind: 'packet', client: 'hi', packetId: 1, dup: false },
    { kind: 'packet', client: 'hi', packetId: 1, dup: true },
  ]);
});

test('a reading is not retained, and its subscribers get it only once it is stored', async () => {
  const { device, outcomes } = await open({ anonymous: { publish: ['#'], subscribe: ['devices/#'] } });
  const [subscriber, sender] = [await device(), await device()];
  await subscriber.subscribeAsync('devices/#');
  const received: string[] = [];
  subscriber.on('message', (_topic, bytes) => received.push(`${bytes}`));
  outcomes.push('duplicate');
  await sender.publishAsync('devices/d/x', '6', { qos: 1 });
  await sender.publishAsync('devices/d/x', '7', { qos: 1, retain: true });
  await vi.waitFor(() => expect(received).toEqual(['7']));
  const late = await device();
  late.on('message', () => expect.fail('a reading was retained'));
  await late.subscribeAsync('devices/#');
  await late.publishAsync('elsewhere', '{}', { qos: 1 });
});

test('many messages of many clients at once are all acknowledged', async () => {
  const waiting: (() => void)[] = [];
  const { device, messages } = await open({}, () => {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    waiting.push(() => resolve('stored'));
    return { id: undefined, outcome: promise, size: 0 };
  });
  const commits = setInterval(() => waiting.splice(0).map((settle) => settle()), 5);
  onEnd(() => clearInterval(commits));
  const clients = await Promise.all(Array.from({ length: 20 }, () => device()));
  const sizes = Array.from({ length: 300 }, (_, i) => Buffer.alloc(1 + ((i * 37) % 3_000), 'x'));
  await Promise.all(
    clients.flatMap((client) => sizes.map((bytes) => client.publishAsync('devices/d', bytes, { qos: 1 }))),
  );
  expect(messages).toHaveLength(20 * 300);
});

test('new accounts cut off those who are gone, and change what the others may do', async () => {
  const passwordHash = await hashPassword('secret');
  const account = (...publish: string[]) => ({ passwordHash, publish, subscribe: [] });
  const { input, device, submissions } = await open({
    accounts: new Map([
      ['a', account('devices/a')],
      ['b', account()],
    ]),
  });
  const [a, b] = [
    await device({ username: 'a', password: 'secret' }),
    await device({ username: 'b', password: 'secret' }),
  ];
  const closed = new Promise<void>((resolve) => b.once('close', resolve));
  input.renew({ host: '127.0.0.1', port: 0, maxClients: 100, accounts: new Map([['a', account('devices/z')]]) });
  await closed;
  await a.publishAsync('devices/a', '{"values":{"x":1}}', { qos: 1 });
  await a.publishAsync('devices/z', '{"values":{"x":1}}', { qos: 1 });
  expect(submissions.map(({ entries }) => entries[0]?.kind)).toEqual(['rejected', 'reading']);
});

test('a gateway that is stopped does not pass for devices that vanished', async () => {
  const { device, input, messages } = await open();
  await device({ will: { topic: 'devices/d', payload: Buffer.from('{}'), qos: 1, retain: false } });
  await input.close();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(messages).toEqual([]);
});

test('connections that the system cannot hand over are counted, and those that come later are taken', async () => {
  const listen = vi.spyOn(Server.prototype, 'listen');
  onEnd(() => listen.mockRestore());
  const { device, input } = await open();
  for (let n = 0; n < 3; n++) (listen.mock.contexts[0] as Server).emit('error', new Error('accept EMFILE'));
  await (await device()).publishAsync('devices/d/x', '1', { qos: 1 });
  expect(input.status().detail).toContain('3 connections that the system could not hand over');
});

test('a port that is taken is named', async () => {
  const { input } = await open();
  const second = mqttInput({ host: '127.0.0.1', port: input.port, maxClients: 10 });
  onEnd(() => second.close());
  await expect(second.start(() => expect.fail())).rejects.toMatchObject({ code: 'MQTT_PORT' });
});

/** A PUBLISH with QoS 1 and packet id 1 on a topic no client library would let through. */
function publishOf(topic: string): Buffer {
  const text = Buffer.from(topic);
  const body = Buffer.concat([Buffer.from([text.length >> 8, text.length & 255]), text, Buffer.from([0, 1, 0x31])]);
  const length = body.length < 128 ? [body.length] : [(body.length & 127) | 128, body.length >> 7];
  return Buffer.concat([Buffer.from([0x32, ...length]), body]);
}
