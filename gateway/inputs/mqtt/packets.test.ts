import fc from 'fast-check';
import mqtt from 'mqtt-packet';
import { describe, expect, test } from 'vitest';
import {
  ackOf,
  bytesOfAcks,
  checkTopic,
  PacketReader,
  PUBACK,
  PUBCOMP,
  PUBREC,
  type Publish,
  readPublish,
  readPubrel,
} from './packets.ts';

const publish = fc.record({
  cmd: fc.constant('publish' as const),
  topic: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter((topic) => !/[+#\0]/.test(topic)),
  payload: fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
  qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
  messageId: fc.integer({ min: 1, max: 65_535 }),
  retain: fc.boolean(),
});

test('what another library writes is read the same, however the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(publish, { maxLength: 8 }), fc.array(fc.nat(600)), (packets, cuts) => {
      const stream = Buffer.concat(packets.map((packet) => mqtt.generate({ ...packet, dup: packet.qos > 0 })));
      const read: Publish[] = [];
      const reader = new PacketReader();
      let at = 0;
      for (const size of [...cuts, stream.length]) {
        reader.push(stream.subarray(at, at + size));
        at = Math.min(stream.length, at + size);
        while (reader.next()) read.push(readPublish(reader));
      }
      expect(reader.left).toBe(0);
      expect(read).toEqual(
        packets.map(({ topic, payload, qos, messageId, retain }) => ({
          topic,
          payload,
          qos,
          packetId: qos === 0 ? 0 : messageId,
          dup: qos > 0,
          retain,
        })),
      );
    }),
  );
});

test('whatever the bytes are, they are packets or an error, never more than one packet held', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), (chunks) => {
      const reader = new PacketReader();
      try {
        for (const chunk of chunks) {
          reader.push(Buffer.from(chunk));
          while (reader.next()) if (reader.head >> 4 === 3) readPublish(reader);
        }
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^PACKET_(TOO_LARGE|MALFORMED)$/) });
      }
    }),
  );
});

describe('a packet is refused', () => {
  test.each([
    ['with QoS 3', [0x36, 5, 0, 1, 0x61, 0, 1], 'PACKET_MALFORMED'],
    ['with packet id 0', [0x32, 5, 0, 1, 0x61, 0, 0], 'PACKET_MALFORMED'],
    ['whose topic ends after it', [0x30, 3, 0, 9, 0x61], 'PACKET_MALFORMED'],
    ['without a topic length', [0x30, 1, 0], 'PACKET_MALFORMED'],
    ['with a topic that is not UTF-8', [0x30, 3, 0, 1, 0xff], 'PACKET_MALFORMED'],
    ['with a null in its topic', [0x30, 3, 0, 1, 0], 'PACKET_MALFORMED'],
    ['whose length never ends', [0x30, 0xff, 0xff, 0xff, 0xff, 1], 'PACKET_MALFORMED'],
    ['as a PUBREL with packet id 0', [0x62, 2, 0, 0], 'PACKET_MALFORMED'],
    ['that is larger than 64 KiB, before it has come', [0x30, 0xff, 0xff, 0x7f], 'PACKET_TOO_LARGE'],
  ])('%s', (_name, bytes, code) => {
    const reader = new PacketReader();
    reader.push(Buffer.from(bytes));
    expect(() => {
      while (reader.next()) {
        if (reader.head >> 4 === 6) readPubrel(reader);
        else checkTopic(reader, readPublish(reader).topic);
      }
    }).toThrow(expect.objectContaining({ code }));
  });
});

test('of a packet larger than it may be the beginning is given out, and what follows it is found', () => {
  const large = mqtt.generate({
    cmd: 'publish',
    topic: 'a',
    payload: 'x'.repeat(1_000),
    qos: 0,
    dup: false,
    retain: false,
  });
  const small = mqtt.generate({ cmd: 'publish', topic: 'b', payload: 'y', qos: 0, dup: false, retain: false });
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 }), (cuts) => {
      const stream = Buffer.concat([small, large, small]);
      const reader = new PacketReader(100);
      const found: [string, number, number][] = [];
      for (let at = 0, i = 0; at < stream.length; i++) {
        const end = at + cuts[i % cuts.length]!;
        reader.push(stream.subarray(at, end));
        at = end;
        while (reader.next()) {
          const { topic, payload } = readPublish(reader);
          found.push([topic, payload.length, reader.size]);
        }
      }
      expect(found).toEqual([
        ['b', 1, small.length],
        ['a', 94, large.length],
        ['b', 1, small.length],
      ]);
    }),
  );
});

test('acknowledgements are four bytes each', () => {
  const bytes = bytesOfAcks([ackOf(PUBACK, 1), ackOf(PUBREC, 258), ackOf(PUBCOMP, 65_535)]);
  expect([...bytes]).toEqual([0x40, 2, 0, 1, 0x50, 2, 1, 2, 0x70, 2, 255, 255]);
});
