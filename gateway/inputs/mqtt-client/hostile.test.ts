import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type Packet } from 'mqtt-packet';
import { afterEach, expect, test, vi } from 'vitest';
import { type DeviceId, FRAME_WINDOW, type Outcome } from '../../buffer/index.ts';
import type { Message } from '../input.ts';
import { mqttClientInput } from './input.ts';

// Brokers that no program in the field is, so that they have to be played.

const closers: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

type Answer = (packet: Packet, socket: Socket, connection: number) => void;

const CONNACK = Buffer.from([0x20, 3, 1, 0, 0]);
const suback = (packet: Packet) => Buffer.from([0x90, 4, packet.messageId! >> 8, packet.messageId! & 255, 0, 1]);
const unsuback = (packet: Packet) => Buffer.from([0xb0, 4, packet.messageId! >> 8, packet.messageId! & 255, 0, 0]);

/** Says yes to everything, as MQTT 5 has it. */
const polite: Answer = (packet, socket) => {
  if (packet.cmd === 'connect') socket.write(CONNACK);
  if (packet.cmd === 'subscribe') socket.write(suback(packet));
  if (packet.cmd === 'unsubscribe') socket.write(unsuback(packet));
  if (packet.cmd === 'pingreq') socket.write(Buffer.from([0xd0, 0]));
};

const message = (packetId: number, text: string, flags = 0x32): Buffer => {
  const body = Buffer.from(`\0\x03d/x\0${String.fromCharCode(packetId)}\0${text}`, 'latin1');
  return Buffer.concat([Buffer.from([flags, body.length]), body]);
};

interface Side {
  /** The buffer's answers, in order; `stored` when there are no more. */
  readonly outcomes?: Promise<Outcome>[];
  readonly accepts?: () => Promise<boolean>;
  readonly id?: () => DeviceId;
  /** What each message takes once it is decoded. */
  readonly size?: number;
  readonly keepAliveSeconds?: number;
}

async function open(answer: Answer, { outcomes = [], accepts, id, size = 0, keepAliveSeconds = 1 }: Side = {}) {
  const packets: Packet[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    const connection = sockets.push(socket);
    const parser = mqtt.parser({ protocolVersion: 5 });
    parser.on('packet', (packet) => {
      packets.push(packet);
      answer(packet, socket, connection);
    });
    socket.on('data', (bytes) => parser.parse(bytes));
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const dir = mkdtempSync(join(tmpdir(), 'headwater-mqtt-client-'));
  const messages: Message[] = [];
  const input = mqttClientInput({
    name: 'mqtt-client:test',
    url: `mqtt://127.0.0.1:${port}`,
    clientId: 'gw',
    subscriptions: [{ filter: 'd/#', qos: 2 }],
    sessionFile: join(dir, 'session.json'),
    access: {},
    keepAliveSeconds,
  });
  const receive = (its: Message) => {
    messages.push(its);
    return { id: id?.(), outcome: outcomes.shift() ?? Promise.resolve<Outcome>('stored'), size };
  };
  await input.start(Object.assign(receive, accepts && { accepts }));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(dir, { recursive: true });
  });
  closers.push(() => input.close());
  const acknowledged = (cmd: string) => packets.filter((its) => its.cmd === cmd).map((its) => its.messageId);
  const reached = (state: string) => vi.waitFor(() => expect(input.status().state).toBe(state));
  return { input, messages, packets, sockets, acknowledged, reached };
}

const payloads = (messages: readonly Message[]) => messages.map(({ payload }) => `${payload}`);

test('a broker that takes the connection and says nothing is given up and tried again', async () => {
  const { input, sockets } = await open(() => {});
  await vi.waitFor(() => expect(sockets.length).toBeGreaterThan(1));
  expect(input.status().state).toBe('waiting');
  expect(input.status().detail).toContain('does not answer');
});

test('a broker that stops answering is noticed, and what it sends after that is taken', async () => {
  const { input, reached, sockets, messages } = await open((packet, socket, connection) => {
    if (packet.cmd !== 'pingreq' || connection > 1) polite(packet, socket, connection);
    if (packet.cmd === 'subscribe' && connection > 1) socket.write(message(1, '1'));
  });
  await reached('ok');
  await reached('waiting');
  expect(input.status().detail).toContain('stopped answering');
  await reached('ok');
  expect(sockets).toHaveLength(2);
  await vi.waitFor(() => expect(payloads(messages)).toEqual(['1']));
});

test('what is not MQTT ends the connection, and what the broker sends again on the next is taken', async () => {
  const { input, messages, acknowledged } = await open((packet, socket, connection) => {
    polite(packet, socket, connection);
    if (packet.cmd !== 'subscribe') return;
    // QoS 3 does not exist.
    socket.write(connection === 1 ? message(1, '1', 0x36) : message(1, '1', 0x3a));
  });
  await vi.waitFor(() =>
    expect(input.status().detail).toContain('does not speak MQTT as it should: a PUBLISH with QoS 3'),
  );
  await vi.waitFor(() => expect(acknowledged('puback')).toEqual([1]));
  expect(messages.map(({ packet }) => packet?.dup)).toEqual([true]);
});

test('a program that is no broker at all is told as such', async () => {
  const { input } = await open((_packet, socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  await vi.waitFor(() => expect(input.status().detail).toContain('it does not begin as a broker does'));
});

test('acknowledgements go out in the order of the messages, and none before its message is stored', async () => {
  const first = Promise.withResolvers<Outcome>();
  const { messages, acknowledged } = await open(
    (packet, socket, connection) => {
      polite(packet, socket, connection);
      if (packet.cmd === 'subscribe') socket.write(Buffer.concat([message(1, 'a'), message(2, 'b'), message(3, 'c')]));
    },
    { outcomes: [first.promise] },
  );
  await vi.waitFor(() => expect(messages).toHaveLength(3));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(acknowledged('puback')).toEqual([]);
  first.resolve('stored');
  await vi.waitFor(() => expect(acknowledged('puback')).toEqual([1, 2, 3]));
});

test('after a refusal nothing is acknowledged, and the broker is left alone until the buffer takes messages again', async () => {
  const first = Promise.withResolvers<Outcome>();
  let accepted = false;
  const { input, sockets, messages, acknowledged } = await open(
    (packet, socket, connection) => {
      polite(packet, socket, connection);
      const flags = connection === 1 ? 0x32 : 0x3a;
      if (packet.cmd === 'subscribe') socket.write(Buffer.concat([message(1, 'a', flags), message(2, 'b', flags)]));
    },
    { outcomes: [first.promise], accepts: async () => accepted },
  );
  await vi.waitFor(() => expect(messages).toHaveLength(2));
  first.resolve('refused');
  await vi.waitFor(() => expect(input.status().detail).toContain('the buffer is full'));
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(sockets).toHaveLength(1);
  expect(acknowledged('puback')).toEqual([]);
  accepted = true;
  await vi.waitFor(() => expect(acknowledged('puback')).toEqual([1, 2]));
  expect(payloads(messages)).toEqual(['a', 'b', 'a', 'b']);
});

test('QoS 2: what a broker sends under an id that it has not released yet is taken as the message it is', async () => {
  const { messages, acknowledged } = await open((packet, socket, connection) => {
    polite(packet, socket, connection);
    if (packet.cmd === 'subscribe') socket.write(Buffer.concat([message(7, 'x', 0x34), message(7, 'y', 0x34)]));
    if (packet.cmd === 'pubrec') socket.write(Buffer.from([0x62, 2, 0, 7]));
  });
  await vi.waitFor(() => expect(acknowledged('pubcomp')).toEqual([7, 7]));
  expect(payloads(messages)).toEqual(['x', 'y']);
  expect(messages.map(({ packet }) => packet?.once)).toEqual([undefined, undefined]);
});

test('retained messages are acknowledged and left out, and said to be', async () => {
  const { input, messages, acknowledged } = await open((packet, socket, connection) => {
    polite(packet, socket, connection);
    if (packet.cmd === 'subscribe') socket.write(Buffer.concat([message(1, 'old', 0x33), message(2, 'new')]));
  });
  await vi.waitFor(() => expect(acknowledged('puback')).toEqual([1, 2]));
  expect(payloads(messages)).toEqual(['new']);
  expect(input.status()).toMatchObject({ state: 'ok', lost: 0 });
  expect(input.status().detail).toContain('1 retained messages left out');
});

test('another client with the same id is named as such', async () => {
  const { input, reached } = await open((packet, socket, connection) => {
    polite(packet, socket, connection);
    if (packet.cmd === 'subscribe') socket.end(Buffer.from([0xe0, 2, 0x8e, 0]));
  });
  await reached('failed');
  expect(input.status().detail).toContain('same client id');
});

test('of numbered frames no more are on their way to the disk than the buffer can tell apart', async () => {
  const first = Promise.withResolvers<Outcome>();
  const sent = FRAME_WINDOW + 88;
  const { messages } = await open(
    (packet, socket, connection) => {
      polite(packet, socket, connection);
      if (packet.cmd !== 'subscribe') return;
      socket.write(Buffer.concat(Array.from({ length: sent }, (_, i) => message((i % 200) + 1, `${i}`))));
    },
    {
      outcomes: Array.from({ length: sent }, () => first.promise),
      id: () => ({ kind: 'frame', device: 'd', boot: 'b', number: messages.length }),
    },
  );
  await vi.waitFor(() => expect(messages).toHaveLength(FRAME_WINDOW));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(messages).toHaveLength(FRAME_WINDOW);
  first.resolve('stored');
  await vi.waitFor(() => expect(messages).toHaveLength(sent));
});

test('a message that is too large becomes a dead letter and is acknowledged', async () => {
  const payload = Buffer.alloc(1_000_000, 'x');
  const large = { cmd: 'publish', topic: 'd/x', payload, qos: 1, messageId: 3, dup: false, retain: false } as const;
  const { messages, acknowledged } = await open((packet, socket, connection) => {
    polite(packet, socket, connection);
    if (packet.cmd === 'subscribe') socket.write(mqtt.generate(large, { protocolVersion: 5 }));
  });
  await vi.waitFor(() => expect(acknowledged('puback')).toEqual([3]));
  expect(messages[0]).toMatchObject({ topic: 'd/x', problem: { code: 'MESSAGE_TOO_LARGE' } });
  expect(messages[0]!.payload).toHaveLength(4_096);
});

test('a broker that sends without end is not read faster than the disk takes it', async () => {
  const disk = Promise.withResolvers<Outcome>();
  const sent = 40_000;
  const flood = Buffer.concat(Array.from({ length: sent }, () => message(0, '', 0x30)));
  const { input, messages } = await open(
    (packet, socket, connection) => {
      polite(packet, socket, connection);
      if (packet.cmd === 'subscribe') socket.write(flood);
    },
    { outcomes: Array.from({ length: sent }, () => disk.promise), keepAliveSeconds: 60 },
  );
  await vi.waitFor(() => expect(messages.length).toBeGreaterThan(500));
  await new Promise((resolve) => setTimeout(resolve, 300));
  // The bound, and what came with the chunk that reached it.
  expect(messages.length).toBeLessThan(12_000);
  disk.resolve('stored');
  await vi.waitFor(() => expect(input.status().messages).toBe(sent));
});

test('messages that become much more than they were are not taken faster than the disk takes what becomes of them', async () => {
  const disk = Promise.withResolvers<Outcome>();
  const sent = 60;
  const batch = { cmd: 'publish', topic: 'd/x', payload: Buffer.alloc(60_000, '1\n'), qos: 0, dup: false } as const;
  const flood = mqtt.generate({ ...batch, retain: false }, { protocolVersion: 5 });
  const { input, messages } = await open(
    (packet, socket, connection) => {
      polite(packet, socket, connection);
      if (packet.cmd === 'subscribe') socket.write(Buffer.concat(Array<Buffer>(sent).fill(flood)));
    },
    { outcomes: Array.from({ length: sent }, () => disk.promise), size: 6_000_000, keepAliveSeconds: 60 },
  );
  await vi.waitFor(() => expect(messages.length).toBeGreaterThan(0));
  await new Promise((resolve) => setTimeout(resolve, 300));
  // What came in chunks that were read already.
  expect(messages.length).toBeLessThan(6);
  disk.resolve('stored');
  await vi.waitFor(() => expect(input.status().messages).toBe(sent), { timeout: 30_000 });
});
