import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodedSize, splitBySize } from './producer.ts';
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
