import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import type { Packet } from 'mqtt-packet';
import { expect, test, vi } from 'vitest';
import { openAuthority } from '../../../infra/local/index.ts';
import { type ConnectionOwner, DeviceConnection } from './connection.ts';
import { Flow } from './flow.ts';
import { testBrokers } from './testing.ts';

const { open, onEnd } = testBrokers();
const MIB = 1_024 * 1_024;
const ALL = { publish: ['#'], subscribe: ['#'] };

test('a subscriber gets messages of every QoS that come at once, and those of one topic and QoS in their order', async () => {
  const { device, raw } = await open({ anonymous: ALL, local: ['rooms/#'] });
  const subscriber = await device();
  const received: string[] = [];
  subscriber.on('message', (topic, payload) => received.push(`${topic} ${payload}`));
  await subscriber.subscribeAsync({ 'devices/#': { qos: 1 }, 'rooms/#': { qos: 1 } });
  const sender = await raw();
  await sender.connect({ clientId: 'sender' });
  const topics = ['devices/d/0', 'devices/d/1', 'rooms/0', 'rooms/1'];
  const packets: Packet[] = Array.from({ length: 400 }, (_, n) => {
    const topic = topics[n % 4]!;
    const retain = topic.startsWith('rooms') && n % 8 >= 4;
    const qos = (n % 2) as 0 | 1;
    return { cmd: 'publish', topic, payload: `${n}`, qos, messageId: n + 1, dup: false, retain };
  });
  sender.send(...packets);
  await vi.waitFor(() => expect(received.length).toBe(400), { timeout: 30_000 });
  for (const [at, topic] of topics.entries()) {
    const its = received.filter((message) => message.startsWith(`${topic} `));
    expect(its).toEqual(Array.from({ length: 100 }, (_, n) => `${topic} ${4 * n + at}`));
  }
});

test.each(['devices/d', 'rooms/x'])(
  'a subscriber that stops reading %s holds up nobody, and is cut off when too much waits for it',
  async (topic) => {
    const { device, raw, input } = await open({ anonymous: ALL, local: ['rooms/#'] });
    const stuck = await raw();
    await stuck.connect({ clientId: 'stuck' });
    stuck.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '#', qos: 0 }] });
    await stuck.next('suback');
    stuck.stopReading();
    const healthy = await device();
    let received = 0;
    healthy.on('message', () => received++);
    await healthy.subscribeAsync('#', { qos: 1 });

    const sender = await device();
    // More than the bound and all that the system takes of a socket on its own machine.
    for (let n = 0; n < 400; n++) await sender.publishAsync(topic, Buffer.alloc(60_000, 'x'), { qos: 1 });
    await vi.waitFor(() => expect(received).toBe(400), { timeout: 30_000 });
    await vi.waitFor(() => expect(input.status().detail).toContain('2 connected'), { timeout: 30_000 });
    expect(input.status().detail).toContain('1 connections cut off that did not read');
  },
  90_000,
);

async function certificate() {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-subscribers-'));
  onEnd(() => rmSync(dir, { recursive: true }));
  const authority = await openAuthority(dir);
  const { cert, key } = await authority.issue({ name: 'gateway', ips: ['127.0.0.1'], server: true });
  return { cert, key, ca: authority.ca };
}

/** A connection with this much unsent, because its device does not read. */
async function behind(flow: Flow, bytes: number, secure = false) {
  const cutOff: DeviceConnection[] = [];
  const owner = { fellBehind: (connection: DeviceConnection) => void cutOff.push(connection) };
  const { promise, resolve } = Promise.withResolvers<Socket>();
  const { ca, ...own } = secure ? await certificate() : {};
  const server = (secure ? createTlsServer(own, resolve) : createServer(resolve)).listen(0, '127.0.0.1');
  onEnd(() => server.close());
  await new Promise((listening) => server.once('listening', listening));
  const { port } = server.address() as { port: number };
  const device = secure ? connectTls({ host: '127.0.0.1', port, ca }) : connect(port, '127.0.0.1');
  device.pause();
  onEnd(() => device.destroy());
  const connection = new DeviceConnection(await promise, owner as unknown as ConnectionOwner, flow);
  // What the system itself keeps for a device.
  while (connection.socket.writableLength === 0) connection.stream.write(Buffer.alloc(MIB));
  connection.stream.write(Buffer.alloc(bytes));
  return { connection, device, cutOff };
}

test.each([
  ['', false],
  [' over TLS', true],
])('a device that reads nothing for a minute is cut off, one that reads slowly is not%s', async (_name, secure) => {
  const flow = new Flow({ messages: 1, bytes: 1, unreleased: 1, unsent: 100 * MIB, unsentInAll: 100 * MIB });
  const { connection, device, cutOff } = await behind(flow, 30 * MIB, secure);
  const now = performance.now();
  connection.closeIfStuck(now, 60_000);
  connection.closeIfStuck(now + 59_000, 60_000);
  // Of one large write a part is read each minute.
  let read = 0;
  device.on('data', (bytes) => {
    read += bytes.length;
  });
  for (let minute = 1; minute < 4; minute++) {
    const enough = read + 4 * MIB;
    await new Promise<void>((done) => {
      const stop = () => {
        if (read < enough) return;
        device.off('data', stop).pause();
        done();
      };
      device.on('data', stop).resume();
    });
    expect(connection.socket.writableLength).toBeGreaterThanOrEqual(30 * MIB);
    connection.closeIfStuck(now + minute * 61_000, 60_000);
    expect(cutOff).toEqual([]);
  }
  await vi.waitFor(
    () => {
      connection.closeIfStuck(now + 190_000, 60_000);
      connection.closeIfStuck(now + 251_000, 60_000);
      expect(cutOff).toEqual([connection]);
    },
    { timeout: 30_000 },
  );
  expect(connection.stream.destroyed).toBe(true);
});

test('when much is unsent to all of them, those who are behind are cut off, and then there is room for others', async () => {
  const flow = new Flow({ messages: 1, bytes: 1, unreleased: 1, unsent: 8 * MIB, unsentInAll: 10 * MIB });
  const first = await behind(flow, 5 * MIB);
  const second = await behind(flow, 5 * MIB);
  expect([first.cutOff, second.cutOff]).toEqual([[], [second.connection]]);
  first.connection.stream.write(Buffer.alloc(MIB));
  expect(first.cutOff).toEqual([]);
});
