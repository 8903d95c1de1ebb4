import type { IPublishPacket } from 'mqtt-packet';
import { expect, test } from 'vitest';
import { type RawClient, type TestBroker, testBrokers } from './testing.ts';

const { open } = testBrokers();
/** So that the bounds in bytes are reached long before those in numbers: 17 of them fit into the share of one client. */
const LARGE = Buffer.alloc(60_000, 'x');
const SHARE = 17;

const openBroker = () => open({ anonymous: { publish: ['#'], subscribe: ['#'] }, local: ['#'] });
const dropped = ({ input }: TestBroker) =>
  Number(/(\d+) messages not kept for subscribers/.exec(input.status().detail)?.[1] ?? 0);

/** A session that lasts, subscribed to this, whose device is away. */
async function leave({ device }: TestBroker, clientId: string, topic: string): Promise<void> {
  const client = await device({ clientId, clean: false });
  await client.subscribeAsync(topic, { qos: 2 });
  await client.endAsync();
}

/** Resolves when all of it was sent on, or waits. */
async function publish({ device }: TestBroker, topic: string, count: number) {
  const sender = await device();
  for (let n = 0; n < count; n++) await sender.publishAsync(topic, LARGE, { qos: 2 });
  // Messages are sent on in the order in which they came.
  await sender.subscribeAsync('end');
  const end = new Promise((resolve) => sender.once('message', resolve));
  await sender.publishAsync('end', '');
  await end;
  await sender.endAsync();
}

test('what waits for a device that is away has a bound in bytes, and there is room again when it has it', async () => {
  const broker = await openBroker();
  await leave(broker, 'away', 'c/#');
  await publish(broker, 'c/x', 2 * SHARE);
  expect(dropped(broker)).toBe(SHARE);

  const again = await broker.raw();
  expect(await again.connect({ clientId: 'away', clean: false })).toMatchObject({ sessionPresent: true });
  for (let n = 0; n < SHARE; n++) {
    const { messageId } = await again.next('publish');
    again.send({ cmd: 'pubrec', messageId: messageId! });
    await again.next('pubrel');
    again.send({ cmd: 'pubcomp', messageId: messageId! });
  }
  again.send({ cmd: 'disconnect' });
  await again.untilClosed();
  await publish(broker, 'c/x', SHARE);
  expect(dropped(broker)).toBe(SHARE);
});

test('devices that are away leave room for others that are, and for those that are connected', async () => {
  const broker = await openBroker();
  await leave(broker, 'greedy', 'c/greedy');
  await leave(broker, 'modest', 'c/modest');
  await publish(broker, 'c/greedy', 5 * SHARE);
  const ofGreedy = dropped(broker);
  expect(ofGreedy).toBe(4 * SHARE);
  await publish(broker, 'c/modest', 1);
  expect(dropped(broker)).toBe(ofGreedy);

  for (const name of ['a', 'b', 'c', 'd']) await leave(broker, name, 'c/all');
  await publish(broker, 'c/all', SHARE);
  const inAll = dropped(broker);
  expect(inAll).toBeGreaterThan(ofGreedy + SHARE);
  const valve = await broker.raw();
  await valve.connect({ clientId: 'valve', clean: false });
  valve.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'cmd', qos: 1 }] });
  await valve.next('suback');
  await publish(broker, 'cmd', 1);
  await valve.next('publish');
  expect(dropped(broker)).toBe(inAll);
});

test.each([1, 2] as const)(
  'a connected device for which no more is kept is sent it all the same, once (QoS %s)',
  async (qos) => {
    const broker = await openBroker();
    const slow = await broker.raw();
    await slow.connect({ clientId: 'slow', clean: false });
    slow.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'c/#', qos }] });
    await slow.next('suback');
    const ids: number[] = [];
    await publish(broker, 'c/x', SHARE + 3);
    for (let n = 0; n < SHARE + 3; n++) ids.push((await slow.next('publish')).messageId!);
    expect(dropped(broker)).toBe(3);
    for (const messageId of ids) {
      slow.send({ cmd: qos === 1 ? 'puback' : 'pubrec', messageId });
      if (qos === 1) continue;
      expect(await slow.next('pubrel')).toMatchObject({ messageId });
      slow.send({ cmd: 'pubcomp', messageId });
    }
    // All of it was given back.
    await publish(broker, 'c/x', SHARE);
    for (let n = 0; n < SHARE; n++) await slow.next('publish');
    expect(dropped(broker)).toBe(3);
    expect(slow.closed).toBe(false);
  },
);

test('a device with a session that lasts may answer a retained message of QoS 2, for which nothing is kept', async () => {
  const broker = await openBroker();
  const sender = await broker.device();
  await sender.publishAsync('c/x', '1', { qos: 2, retain: true });
  const subscriber = await broker.raw();
  await subscriber.connect({ clientId: 'subscriber', clean: false });
  subscriber.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'c/#', qos: 2 }] });
  const { messageId } = await subscriber.next('publish');
  subscriber.send({ cmd: 'pubrec', messageId: messageId! });
  expect(await subscriber.next('pubrel')).toMatchObject({ messageId });
});

test('messages that come at once come once to a device with several subscriptions that match, except those it may not have', async () => {
  const { raw } = await open({ anonymous: { publish: ['#'], subscribe: ['#', '!c/secret'] }, local: ['#'] });
  const subscriber = await raw();
  const lasting = { clientId: 'subscriber', clean: false };
  await subscriber.connect(lasting);
  const topics = ['c/#', 'c/+', 'c/x', '+/x'];
  subscriber.send({ cmd: 'subscribe', messageId: 1, subscriptions: topics.map((topic) => ({ topic, qos: 1 })) });
  await subscriber.next('suback');
  const sender = await raw();
  await sender.connect({ clientId: 'sender' });
  const message = { cmd: 'publish', qos: 1, dup: false, retain: false } as const;
  const messages = Array.from({ length: 100 }, (_, n) => ({
    ...message,
    topic: n % 3 === 0 ? 'c/secret' : 'c/x',
    payload: `${n}`,
    messageId: n + 1,
  }));
  sender.send(...messages, { ...message, topic: 'c/x', payload: 'the last one', messageId: 101 });
  const received: string[] = [];
  while (received.at(-1) !== 'the last one') {
    const { payload, messageId } = (await subscriber.next('publish')) as IPublishPacket;
    received.push(`${payload}`);
    subscriber.send({ cmd: 'puback', messageId: messageId! });
  }
  expect(received.slice(0, -1)).toEqual(messages.filter(({ topic }) => topic === 'c/x').map(({ payload }) => payload));

  // Nothing of it waits any more.
  subscriber.send({ cmd: 'disconnect' });
  await subscriber.untilClosed();
  const again = await raw();
  await again.connect(lasting);
  sender.send({ ...message, topic: 'c/x', payload: 'the next one', messageId: 102 });
  expect(await again.next('publish')).toMatchObject({ payload: Buffer.from('the next one') });
});

test('messages of QoS 2 that are answered several at once, over a lost connection too, come once and leave nothing behind', async () => {
  const broker = await openBroker();
  const connect = async () => {
    const client = await broker.raw();
    expect(await client.connect({ clientId: 'subscriber', clean: false })).toMatchObject({ sessionPresent: true });
    return client;
  };
  const idsOf = async (client: RawClient, cmd: 'publish' | 'pubrel') => {
    const ids: number[] = [];
    for (let n = 0; n < SHARE; n++) ids.push((await client.next(cmd)).messageId!);
    return ids;
  };
  await leave(broker, 'subscriber', 'c/#');
  // Were anything left of one round, there would be no room for the last.
  for (let round = 0; round < 4; round++) {
    await publish(broker, 'c/x', SHARE);
    const first = await connect();
    const ids = await idsOf(first, 'publish');
    first.send(...ids.map((messageId) => ({ cmd: 'pubrec', messageId }) as const));
    expect(await idsOf(first, 'pubrel')).toEqual(ids);
    await first.hangUp();

    const second = await connect();
    expect(await idsOf(second, 'pubrel')).toEqual(ids);
    second.send(...ids.map((messageId) => ({ cmd: 'pubcomp', messageId }) as const), { cmd: 'disconnect' });
    await second.untilClosed();
    expect(second.received).toEqual([]);
  }
  expect(dropped(broker)).toBe(0);
});
