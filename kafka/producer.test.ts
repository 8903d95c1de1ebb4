import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodedSize, splitBySize } from './producer.ts';
import { encodeBatch } from './record-batch.ts';
import type { TopicBatch } from './types.ts';

const record = fc.record({ key: fc.string(), value: fc.string({ maxLength: 200 }), headers: fc.constant({ v: '1' }) });
const batches = fc.array(fc.record({ topic: fc.constantFrom('a', 'b'), records: fc.array(record) }));

const flat = (sends: readonly TopicBatch[]) => sends.flatMap((b) => b.records.map((r) => `${b.topic}:${r.value}`));

test('splitting keeps every record, in order, and stays below the limit wherever a record alone does', () => {
  fc.assert(
    fc.property(batches, (input) => {
      const sends = splitBySize(input, 500);
      expect(flat(sends.flat())).toEqual(flat(input));
      for (const send of sends) {
        const records = send.flatMap((b) => b.records);
        const size = records.reduce((sum, r) => sum + encodedSize(r), 0);
        expect(size <= 500 || records.length === 1).toBe(true);
      }
    }),
  );
});

test('a batch is never larger than its records were estimated, whatever is in them', async () => {
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.constantFrom('é'.repeat(200), '\ud800'));
  const any = fc.record({
    key: fc.option(text),
    value: fc.option(text),
    headers: fc.dictionary(text, text, { maxKeys: 5 }),
  });
  const head = {
    compression: 0,
    transactional: false,
    producerId: 1n,
    producerEpoch: 0,
    firstSequence: 0,
    timestamp: Date.UTC(2026, 10, 22),
  };
  await fc.assert(
    fc.asyncProperty(fc.array(any, { minLength: 1, maxLength: 100 }), async (records) => {
      const estimated = records.reduce((sum, one) => sum + encodedSize(one), 0);
      const batchHead = 61;
      expect((await encodeBatch(records, head)).length - batchHead).toBeLessThanOrEqual(estimated);
    }),
  );
});
