import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc16 } from './crc16.ts';
import { decodeFrame, encodeFrame, type Frame } from './frame.ts';
import { Splitter } from './splitter.ts';

const READING: Frame = {
  type: 'reading',
  boot: 'a1b2c3d4',
  number: 17,
  payload: Buffer.from('{"device":"mc-1","values":{"temperature":21.40,"humidity":48.20}}'),
};

const frames: fc.Arbitrary<Frame> = fc.record({
  type: fc.constantFrom('reading' as const, 'acknowledgement' as const),
  boot: fc.integer({ min: 0, max: 0xffffffff }).map((boot) => boot.toString(16).padStart(8, '0')),
  number: fc.integer({ min: 1, max: 0xffffffff }),
  payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
});
/** Noise is a frame once in 65,536 times that it has the form of one; not here. */
const noise = fc
  .uint8Array({ maxLength: 40 })
  .map((bytes) => Buffer.from(bytes))
  .filter((bytes) => receive(Buffer.concat([bytes, Buffer.alloc(1)])).length === 0);
/** One in 65,536 is to be expected of those that are damaged: six of 30,000 would come about once in 100,000 runs of a test. */
const DAMAGED = 30_000;
const PASSED = 6;

/** The frames that a receiver makes of bytes, however they are cut up. */
function receive(wire: Buffer, cut = wire.length): Frame[] {
  const received: Frame[] = [];
  const splitter = new Splitter(0, 1_024, (part, tooLong) => {
    const frame = decodeFrame(part);
    if (!tooLong && !('code' in frame)) received.push(frame);
  });
  for (let at = 0; at < wire.length; at += Math.max(1, cut)) splitter.push(wire.subarray(at, at + Math.max(1, cut)));
  return received;
}

test('the checksum is the one of the catalogue', () => {
  expect(crc16(Buffer.from('123456789'))).toBe(0x906e);
});

test('the frames in the reference are these', () => {
  const reference = readFileSync(new URL('../../../docs/reference/serial-frames.md', import.meta.url), 'utf8');
  const examples = [...reference.matchAll(/```hex\n([\s\S]*?)```/g)].map(([, hex]) => hex!.replaceAll(/\s/g, ''));
  const answer: Frame = { ...READING, type: 'acknowledgement', payload: Buffer.alloc(0) };
  expect(examples).toEqual([READING, answer].map((frame) => encodeFrame(frame).toString('hex')));
});

describe('frames', () => {
  test('are received as they were sent, whatever noise is between them and however the bytes are cut up', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(noise, frames)), fc.integer({ min: 1, max: 50 }), (sent, cut) => {
        const wire = Buffer.concat(sent.flatMap(([before, frame]) => [before, encodeFrame(frame)]));
        const received = receive(wire, cut);
        expect(received).toEqual(sent.map(([, frame]) => frame));
      }),
    );
  });

  test('that lost bytes anywhere are not received, and the next one is', () => {
    const damage = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 20 }));
    expectFewPass(damage, (wire, [at, count]) => {
      const inside = 1 + (at % (wire.length - 2));
      return Buffer.concat([wire.subarray(0, inside), wire.subarray(inside + count)]);
    });
  });

  test('whose checksum ends in a zero are not received when that zero is lost', () => {
    const ending = Array.from({ length: 3_000 }, (_, i) => encodeFrame({ ...READING, number: i + 1 })).filter(
      (wire) => wire.at(-2) === 1,
    );
    expect(ending.length).toBeGreaterThan(3);
    for (const wire of ending) expect(receive(Buffer.concat([wire.subarray(0, -2), Buffer.alloc(1)]))).toEqual([]);
  });

  test('with one bit flipped are never received, whichever bit it is', () => {
    const wire = encodeFrame(READING);
    for (let bit = 8; bit < (wire.length - 1) * 8; bit++)
      expect(receive(flipped(wire, [bit])), `bit ${bit}`).toEqual([]);
  });

  test('with flipped bits pass for others no oftener than a checksum of 16 bits lets them', () => {
    expectFewPass(fc.array(fc.nat(), { minLength: 1, maxLength: 24 }), (wire, bits) => {
      return flipped(
        wire,
        bits.map((bit) => 8 + (bit % ((wire.length - 2) * 8))),
      );
    });
  });

  function expectFewPass<T>(damage: fc.Arbitrary<T>, apply: (wire: Buffer, damage: T) => Buffer): void {
    let passed = 0;
    const run = fc.check(
      fc.property(frames, frames, damage, (frame, next, how) => {
        const received = receive(Buffer.concat([apply(encodeFrame(frame), how), encodeFrame(next)]));
        expect(received.pop()).toEqual(next);
        if (received.some((got) => JSON.stringify(got) !== JSON.stringify(frame))) passed++;
      }),
      { numRuns: DAMAGED },
    );
    if (run.failed) throw new Error(fc.defaultReportMessage(run) ?? 'failed');
    expect(passed, `seed ${run.seed}`).toBeLessThan(PASSED);
  }
});

test.each([
  ['half a frame', encodeFrame(READING).subarray(1, 40), 'FRAME_BROKEN'],
  ['a frame with a flipped bit', flipped(encodeFrame(READING), [200]).subarray(1, -1), 'FRAME_CRC'],
  ['a few bytes of noise', Buffer.from([3, 1, 2]), 'FRAME_BROKEN'],
  ['a frame with number 0', between({ ...READING, number: 0 }), 'FRAME_INVALID'],
])('%s is said to be that', (_what, bytes, code) => {
  const problem = decodeFrame(bytes);
  expect('code' in problem ? problem.code : problem).toBe(code);
});

function between(frame: Frame): Buffer {
  return encodeFrame(frame).subarray(1, -1);
}

function flipped(wire: Buffer, bits: readonly number[]): Buffer {
  const bytes = Buffer.from(wire);
  for (const bit of new Set(bits)) bytes[bit >> 3]! ^= 1 << (bit & 7);
  return bytes;
}
