import { Duplex } from 'node:stream';
import fc from 'fast-check';
import mqtt, { type IPublishPacket } from 'mqtt-packet';
import { expect, test } from 'vitest';
import { MAX_PACKET, type Publish } from '../mqtt/packets.ts';
import { Tap } from './tap.ts';

const CONNACK = Buffer.from([0x20, 2, 1, 0]);

/** What a tap makes, after CONNACK, of bytes that arrive in pieces of the given sizes, the last one again and again. */
function read(version: 4 | 5, bytes: Buffer, pieces: readonly number[] = [bytes.length]) {
  const published: (Publish & { readonly size: number })[] = [];
  const released: number[] = [];
  const codes: number[] = [];
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const tap = new Tap(socket, version, {
    publish: (packet, size) => published.push({ ...packet, payload: Buffer.from(packet.payload), size }),
    pubrel: (packetId) => released.push(packetId),
    connack: (code) => codes.push(code),
  });
  tap.on('error', () => {});
  socket.emit('data', CONNACK);
  codes.pop();
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const end = at + pieces[Math.min(i, pieces.length - 1)]!;
    socket.emit('data', bytes.subarray(at, end));
    at = end;
  }
  const error = tap.errored;
  const others = error ? [] : [(tap.read() as Buffer).subarray(CONNACK.length)];
  tap.destroy();
  return { published, released, others: Buffer.concat(others), codes, error };
}

const version = fc.constantFrom(4 as const, 5 as const);
const message = fc.record({
  topic: fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }),
  payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
  retain: fc.boolean(),
  dup: fc.boolean(),
  messageId: fc.integer({ min: 1, max: 65_535 }),
  note: fc.option(fc.string({ maxLength: 200 })),
});

test('every message is read as it was written, however the bytes are cut', () => {
  const pieces = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(version, fc.array(message, { maxLength: 10 }), pieces, (protocolVersion, messages, cuts) => {
      const bytes = Buffer.concat(
        messages.map(({ note, ...its }) => {
          const properties = note === null ? {} : { userProperties: { note }, messageExpiryInterval: 9 };
          const packet: IPublishPacket = { cmd: 'publish', ...its, ...(protocolVersion === 5 && { properties }) };
          return mqtt.generate(packet, { protocolVersion });
        }),
      );
      const { published, others } = read(protocolVersion, bytes, cuts);
      expect(others).toHaveLength(0);
      expect(published.map(({ size, ...its }) => its)).toEqual(
        messages.map(({ topic, payload, qos, retain, dup, messageId }) => {
          return { topic, payload, qos, retain, dup, packetId: qos === 0 ? 0 : messageId };
        }),
      );
    }),
  );
});

test('whatever bytes come, what is read stays within bounds, and what is malformed is told as such', () => {
  fc.assert(
    fc.property(version, fc.uint8Array({ maxLength: 400 }), (protocolVersion, bytes) => {
      const { error } = read(protocolVersion, Buffer.from(bytes), [7]);
      if (error) expect(error).toMatchObject({ code: 'MQTT_MALFORMED', retryable: true });
    }),
  );
});

test('packets of other types are handed on whole; CONNACK and PUBREL are understood too', () => {
  const ping = Buffer.from([0xd0, 0]);
  const pubrel = Buffer.from([0x62, 2, 1, 2]);
  const { others, released, codes } = read(4, Buffer.concat([CONNACK, pubrel, ping]), [3]);
  expect(others).toEqual(Buffer.concat([CONNACK, ping]));
  expect(released).toEqual([258]);
  expect(codes).toEqual([0]);
});

test('of a message that is too large the beginning is kept, and what follows it is read', () => {
  const large = { cmd: 'publish', topic: 'big', payload: Buffer.alloc(3_000_000, 'x'), qos: 1, messageId: 7 } as const;
  const small = { cmd: 'publish', topic: 'small', payload: 'y', qos: 1, messageId: 8 } as const;
  const flags = { dup: false, retain: false };
  const bytes = Buffer.concat([mqtt.generate({ ...large, ...flags }), mqtt.generate({ ...small, ...flags })]);
  const { published } = read(4, bytes, [65_536]);
  expect(published.map(({ topic, packetId }) => [topic, packetId])).toEqual([
    ['big', 7],
    ['small', 8],
  ]);
  expect(published[0]!.size).toBe(3_000_012);
  expect(published[0]!.payload.length).toBeLessThan(3 * MAX_PACKET);
});

test.each([
  ['QoS 3', [0x36, 5, 0, 1, 0x78, 0, 1]],
  ['no packet id', [0x32, 5, 0, 1, 0x78, 0, 0]],
  ['a topic beyond its end', [0x30, 3, 0, 9, 0x78]],
  ['no topic', [0x30, 2, 0, 0]],
  ['a length of five bytes', [0x30, 0xff, 0xff, 0xff, 0xff, 1]],
  ['properties beyond its end', [0x32, 7, 0, 1, 0x78, 0, 1, 9, 0], 5],
  ['no end of its properties', [0x32, 6, 0, 1, 0x78, 0, 1, 0x80], 5],
  ['another flag than a PUBREL has', [0x60, 2, 0, 1]],
] as const)('a packet with %s is malformed', (_name, bytes, version: 4 | 5 = 4) => {
  const { error } = read(version, Buffer.from(bytes));
  expect(error).toMatchObject({ code: 'MQTT_MALFORMED', message: expect.stringContaining('does not speak MQTT') });
});
