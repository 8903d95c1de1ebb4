import { expect, test } from 'vitest';
import { parseIntelHex } from './intel-hex.ts';

test('data lies at its address and the rest is erased', () => {
  const memory = parseIntelHex(':02000200ABCD84\r\n:00000001FF\r\n', 8);
  expect([...memory]).toEqual([0xff, 0xff, 0xab, 0xcd, 0xff, 0xff, 0xff, 0xff]);
});

test.each([
  ['hello', 'Line 1 of the firmware is not an Intel HEX record'],
  [':03000200ABCD83', 'is cut short'],
  [':02000200ABCD85', 'has a wrong checksum'],
  [':020000021000EC', 'has record type 2'],
  [':02000700ABCD7F', 'past the chip'],
  [':02000200ABCD84\n', 'no end record'],
])('%s is refused by name', (text, why) => {
  expect(() => parseIntelHex(text, 8)).toThrowError(why);
});
