import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Reader, Writer } from './wire.ts';

test('what is written is read back', () => {
  fc.assert(
    fc.property(
      fc.nat(2 ** 31 - 1),
      fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }),
      fc.string({ maxLength: 300, unit: 'binary' }),
      (big, small, text) => {
        const written = new Writer().varint(big).int16(small).string(text).compact(text).int32(big);
        const reader = new Reader(written.noTags().blob(Buffer.from(text)).bytes());
        const read = [reader.varint(), reader.int16(), reader.string(), reader.compact(), reader.int32()];
        reader.skipTags();
        expect([...read, reader.blob().toString()]).toEqual([big, small, text, text, big, text]);
      },
    ),
  );
});
