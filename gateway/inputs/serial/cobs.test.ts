import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cobsDecode, cobsEncode } from './cobs.ts';

// Runs without a zero around the longest block are where an encoder goes wrong.
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc
    .tuple(fc.integer({ min: 250, max: 260 }), fc.integer({ min: 0, max: 520 }), fc.constantFrom(0, 1, 255))
    .map(([run, length, other]) => Uint8Array.from({ length }, (_, at) => (at % run === run - 1 ? other : 7))),
);

test('what is decoded is what was encoded, and no zero is sent', () => {
  fc.assert(
    fc.property(bytes, (data) => {
      const encoded = cobsEncode(data);
      expect(encoded.includes(0)).toBe(false);
      expect(encoded.length).toBeLessThanOrEqual(data.length + Math.ceil(data.length / 254) + 1);
      expect(cobsDecode(encoded)).toEqual(Buffer.from(data));
    }),
  );
});

test.each([
  ['', '01'],
  ['00', '0101'],
  ['11220033', '0311220233'],
  ['11000000', '0211010101'],
])('%s is written %s', (data, encoded) => {
  expect(cobsEncode(Buffer.from(data, 'hex')).toString('hex')).toBe(encoded);
});

test.each(['05112233', '0200', '00', '03110000'])('%s is not COBS', (encoded) => {
  expect(cobsDecode(Buffer.from(encoded, 'hex'))).toBeUndefined();
});
