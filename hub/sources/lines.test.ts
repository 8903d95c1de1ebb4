import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LineSplitter, MAX_LINE_BYTES } from './lines.ts';

function split(text: string | Buffer, cuts: readonly number[] = [], offset = 0) {
  const bytes = Buffer.from(text as string);
  const splitter = new LineSplitter(offset);
  const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  const lines = edges.slice(1).flatMap((edge, i) => splitter.push(bytes.subarray(edges[i], edge)));
  return { lines, splitter };
}

describe('LineSplitter', () => {
  test('gives the same lines and offsets however the bytes are cut into chunks', () => {
    const text = fc.array(fc.string({ unit: fc.constantFrom('a', 'é', '"', '\r', ' '), maxLength: 20 }));
    fc.assert(
      fc.property(text, fc.array(fc.nat()), (parts, cuts) => {
        const whole = parts.map((part) => `${part}\n`).join('');
        const { lines } = split(whole, cuts);
        expect(lines).toEqual(split(whole).lines);
        expect(lines.map((line) => line.bytes.toString())).toEqual(parts.map((part) => part.replace(/\r$/, '')));
      }),
    );
  });

  test('says where in the file each line begins', () => {
    expect(split('one\r\ntwo\n', [], 100).lines.map((line) => line.offset)).toEqual([100, 105]);
  });

  test('keeps an unfinished line back until the file is finished', () => {
    const { lines, splitter } = split('whole\npart');
    expect(lines).toHaveLength(1);
    expect(splitter.offset).toBe(6);
    expect(splitter.finish()?.bytes.toString()).toBe('part');
    expect(splitter.offset).toBe(10);
    expect(splitter.finish()).toBeUndefined();
  });

  test('keeps only the beginning of an over-long line, and goes on after it', () => {
    const { lines } = split(`${'x'.repeat(3 * MAX_LINE_BYTES)}\nnext\n`, [1000, MAX_LINE_BYTES + 5]);
    expect(lines.map((line) => [line.bytes.length, line.tooLong, line.offset])).toEqual([
      [MAX_LINE_BYTES, true, 0],
      [4, false, 3 * MAX_LINE_BYTES + 1],
    ]);
  });
});
