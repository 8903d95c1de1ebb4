import fc from 'fast-check';
import { expect, test } from 'vitest';
import { noise, readAtSpeed } from './noise.ts';

const sent = Buffer.from('{"device":"mc-1","n":1}\0{"device":"mc-1","n":2}\0');

test('a quiet line changes nothing', () => {
  expect(noise({})(sent)).toEqual(Uint8Array.from(sent));
});

test('a flip turns one bit of a byte', () => {
  const out = noise({ flip: 1 })(sent);
  const bits = (byte: number) => byte.toString(2).replaceAll('0', '').length;
  expect([...out].map((byte, at) => bits(byte ^ sent[at]!))).toEqual(Array(sent.length).fill(1));
});

test('dropped bytes are missing, a cut reaches to the end of the frame', () => {
  expect(noise({ drop: 1 })(sent)).toHaveLength(0);
  const drawsForAPiece = 2 + 10 * 2; // cut? wrong speed? and for each of ten bytes: dropped? flipped?
  let draws = 0;
  const random = () => (draws++ === drawsForAPiece ? 0 : 0.9);
  const out = noise({ cut: 0.5, random })(sent);
  expect(Buffer.from(out).toString()).toBe('{"device":{"device":"mc-1","n":2}\0');
});

test('bytes read at their own speed are the bytes that were sent', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(readAtSpeed(bytes, 1)).toEqual(bytes);
    }),
  );
});

test('a piece read at half its speed is about half as long and something else', () => {
  const out = noise({ wrongBaud: 1 })(sent);
  expect(out.length).toBeGreaterThan(0);
  expect(out.length).toBeLessThan(sent.length);
  expect(Buffer.from(out).toString('latin1')).not.toContain('device');
});
