import fc from 'fast-check';
import kafkajs from 'kafkajs';
import Decoder from 'kafkajs/src/protocol/decoder.js';
import decodeBatch from 'kafkajs/src/protocol/recordBatch/v0/decoder.js';
import produce from 'kafkajs/src/protocol/requests/produce/index.js';
import requestOfKafkajs from 'kafkajs/src/protocol/requests/produce/v7/request.js';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { crc32c } from './crc32c.ts';
import './index.ts';
import { encodeProduce, type ProduceRequest } from './produce-request.ts';
import { encodeBatch } from './record-batch.ts';

const NOW = Date.UTC(2026, 10, 2, 12);
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: NOW }));
afterEach(() => void vi.useRealTimers());

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.string({ maxLength: 40 }),
  fc.constantFrom('', '\ud800', 'é'.repeat(63), 'x'.repeat(64), 'x'.repeat(8192), '😀'.repeat(2048)),
);
const value = fc.oneof(
  fc.constant(null),
  text,
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
);
const headers = fc.option(fc.dictionary(text, text, { maxKeys: 4 }), { nil: undefined });
const record = fc
  .record({ key: fc.option(text), value, headers })
  .map(({ headers, ...rest }) => ({ ...rest, ...(headers && { headers }) }));
const records = fc.array(record, { minLength: 1, maxLength: 80 });

const request = fc.record({
  transactionalId: fc.option(fc.string({ minLength: 1 })),
  acks: fc.constant(-1),
  timeout: fc.nat(),
  compression: fc.constantFrom(
    kafkajs.CompressionTypes.None,
    kafkajs.CompressionTypes.GZIP,
    kafkajs.CompressionTypes.ZSTD,
  ),
  producerId: fc.bigInt({ min: -1n, max: 2n ** 63n - 1n }).map(String),
  producerEpoch: fc.nat(32_767),
  topicData: fc.array(
    fc.record({
      topic: fc.string({ minLength: 1 }),
      partitions: fc.array(fc.record({ partition: fc.nat(), firstSequence: fc.nat(2 ** 31 - 1), messages: records }), {
        maxLength: 3,
      }),
    }),
    { maxLength: 2 },
  ),
}) satisfies fc.Arbitrary<ProduceRequest>;

test('a request is byte for byte what kafkajs makes of it', async () => {
  await fc.assert(
    fc.asyncProperty(request, async (asked) => {
      const ours = await encodeProduce(asked);
      const theirs = await requestOfKafkajs(asked).encode();
      expect(ours.buffer.equals(theirs.buffer)).toBe(true);
    }),
  );
});

test('kafkajs sends what was encoded here', async () => {
  const messages = [{ key: 'gateway', value: '{}' }];
  const topicData = [{ topic: 'iot.raw', partitions: [{ partition: 0, firstSequence: 0, messages }] }];
  const asked = { acks: -1, timeout: 1, compression: 0, producerId: '1', producerEpoch: 0, topicData };
  const { request } = produce.protocol({ version: 7 })(asked);
  expect(request.apiVersion).toBe(7);
  // kafkajs's own encoder gives one of its instances.
  expect(await request.encode()).toEqual(await encodeProduce(asked));
});

test('kafkajs reads back what was encoded', async () => {
  await fc.assert(
    fc.asyncProperty(records, fc.boolean(), fc.nat(2 ** 31 - 1), async (records, transactional, firstSequence) => {
      const head = {
        compression: 0,
        transactional,
        producerId: 4711n,
        producerEpoch: 3,
        firstSequence,
        timestamp: NOW,
      };
      const batch = await encodeBatch(records, head);
      expect(batch.readUInt32BE(17)).toBe(crc32c(batch, 21));
      const read = await decodeBatch(new Decoder(batch));
      expect(read).toMatchObject({
        producerId: '4711',
        producerEpoch: 3,
        firstSequence,
        inTransaction: transactional,
        lastOffsetDelta: records.length - 1,
      });
      expect(read.records.map(({ offset }) => Number(offset))).toEqual(records.map((_, i) => i));
      expect(read.records.map(({ key }) => key)).toEqual(records.map(({ key }) => bytesOf(key)));
      expect(read.records.map(({ value }) => value)).toEqual(records.map(({ value }) => bytesOf(value)));
    }),
  );
});

test('a batch of many thousand records is whole', async () => {
  const records = Array.from({ length: 20_000 }, (_, i) => ({
    key: 'gateway',
    value: `{"n":${i}}`,
    headers: { v: '1' },
  }));
  const head = {
    compression: 0,
    transactional: false,
    producerId: -1n,
    producerEpoch: 0,
    firstSequence: 0,
    timestamp: NOW,
  };
  const { records: read } = await decodeBatch(new Decoder(await encodeBatch(records, head)));
  expect(read.map(({ value }) => String(value))).toEqual(records.map(({ value }) => value));
});

test('the checksum is that of RFC 3720', () => {
  const examples: readonly [Buffer, number][] = [
    [Buffer.alloc(0), 0],
    [Buffer.from('123456789'), 0xe3069283],
    [Buffer.alloc(32), 0x8a9136aa],
    [Buffer.alloc(32, 0xff), 0x62a8ab43],
    [Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
    [Buffer.from(Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c],
  ];
  for (const [bytes, checksum] of examples) expect(crc32c(bytes)).toBe(checksum);
});

const bytesOf = (value: string | Buffer | null): Buffer | null =>
  typeof value === 'string' ? Buffer.from(value) : value;
