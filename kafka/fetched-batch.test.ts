import { createRequire } from 'node:module';
import fc from 'fast-check';
import kafkajs from 'kafkajs';
import { expect, test } from 'vitest';
import './client.ts';
import { batchesOf } from './fetched-batch.ts';
import type { IncomingRecord } from './types.ts';

interface Encoded {
  readonly buffer: Buffer;
}
const require = createRequire(import.meta.url);
/** kafkajs's own writer, which knows nothing of our reader. */
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0/index.js') as {
  RecordBatch(batch: object): Promise<Encoded>;
};
const Record = require('kafkajs/src/protocol/recordBatch/record/v0/index.js') as (record: object) => Encoded;

interface Written {
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly at: number;
}

const START = Date.UTC(2026, 10, 22);
const { None, GZIP, ZSTD } = kafkajs.CompressionTypes;

async function write(records: readonly Written[], baseOffset: number, compression: number): Promise<Buffer> {
  const batch = await RecordBatch({
    compression,
    firstOffset: baseOffset,
    firstTimestamp: START,
    maxTimestamp: START,
    lastOffsetDelta: records.length - 1,
    records: records.map(({ key, value, headers, at }, i) =>
      Record({ offsetDelta: i, timestampDelta: at - START, key, value, headers }),
    ),
  });
  return batch.buffer;
}

const text = fc.string({ unit: 'binary', maxLength: 200 });
const written = fc.record({
  key: fc.option(text),
  value: fc.option(fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))),
  headers: fc.dictionary(fc.string({ minLength: 1, maxLength: 10 }), text, { maxKeys: 3, noNullPrototype: true }),
  // Also far from the first one, and before it.
  at: fc.integer({ min: START - 2 ** 40, max: START + 2 ** 40 }),
});
const log = fc.array(
  fc.record({
    records: fc.array(written, { minLength: 1, maxLength: 40 }),
    compression: fc.constantFrom(None, GZIP, ZSTD),
  }),
  { minLength: 1, maxLength: 5 },
);

test('whatever was written is read, from any offset on, and a batch that was cut off is left for the next fetch', () =>
  fc.assert(
    fc.asyncProperty(log, fc.nat(2 ** 40), fc.nat(200), fc.boolean(), async (log, base, skip, cut) => {
      const all: IncomingRecord[] = [];
      const batches: Buffer[] = [];
      for (const { records, compression } of log) {
        const baseOffset = base + all.length;
        batches.push(await write(records, baseOffset, compression));
        for (const [i, { at, ...record }] of records.entries())
          all.push({ ...record, partition: 3, offset: baseOffset + i, appendedAt: at });
      }
      const bytes = Buffer.concat(batches);
      const whole = cut ? log.slice(0, -1) : log;
      const count = whole.reduce((sum, { records }) => sum + records.length, 0);

      const fetched = batchesOf(cut ? bytes.subarray(0, -1) : bytes);
      const read: IncomingRecord[] = [];
      for (const batch of fetched) batch.readInto(read, 3, base + skip);

      expect(fetched.map((batch) => batch.count)).toEqual(whole.map(({ records }) => records.length));
      expect(read).toEqual(all.slice(0, count).slice(skip));
      if (fetched.length > 0) expect(fetched.at(-1)!.offset).toBe(String(base + count - 1));
    }),
    { numRuns: 200 },
  ));

test('a header may have any name, also one that objects have a meaning for', async () => {
  const headers = Object.fromEntries(['__proto__', 'constructor', 'toString', 'a'].map((name) => [name, `of ${name}`]));
  const bytes = await write([{ key: 'a', value: null, headers, at: START }], 7, None);
  const read: IncomingRecord[] = [];
  batchesOf(bytes)[0]!.readInto(read, 0, 0);
  expect(Object.entries(read[0]!.headers)).toEqual(Object.entries(headers));
});

test('where compaction has taken all records of a batch, readers go on behind it', async () => {
  const bytes = await write([{ key: 'a', value: null, headers: {}, at: START }], 7, None);
  const emptied = Buffer.from(bytes.subarray(0, 61));
  emptied.writeInt32BE(emptied.length - 12, 8);
  emptied.writeInt32BE(0, 57);
  emptied.writeInt32BE(4, 23);
  const [batch] = batchesOf(emptied);
  expect(batch).toMatchObject({ offset: '11', count: 0, isControlRecord: true, key: null });
});

test('compression that cannot be read is named, with what to do', async () => {
  const bytes = await write([{ key: 'a', value: null, headers: {}, at: START }], 0, None);
  bytes.writeInt16BE(3, 21);
  expect(() => batchesOf(bytes)[0]!.readInto([], 0, 0)).toThrow(/lz4.*have its producer write zstd/);
});
