import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Splitter } from './splitter.ts';

const LF = 10;

function split(chunks: Buffer[], maxBytes = 100): { text: string; tooLong: boolean }[] {
  const lines: { text: string; tooLong: boolean }[] = [];
  const splitter = new Splitter(LF, maxBytes, (line, tooLong) =>
    lines.push({ text: line.toString('latin1'), tooLong }),
  );
  for (const chunk of chunks) splitter.push(chunk);
  return lines;
}

test('gives the same lines however the bytes are cut into chunks', () => {
  const line = fc.string({ minLength: 1, maxLength: 30 }).map((text) => text.replaceAll(/[\r\n]/g, '.'));
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat(50)), (lines, cuts) => {
      const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''), 'utf8');
      const chunks: Buffer[] = [];
      let at = 0;
      for (const cut of cuts) {
        chunks.push(bytes.subarray(at, at + cut));
        at += cut;
      }
      chunks.push(bytes.subarray(at));
      expect(split(chunks)).toEqual(split([bytes]));
      expect(split([bytes])).toHaveLength(lines.length);
    }),
  );
});

test('gives a line that is too long once, cut off, and is right again after its LF', () => {
  const chunks = [Buffer.from('x'.repeat(90)), Buffer.from(`${'y'.repeat(500)}\nnext\n`)];
  expect(split(chunks)).toEqual([
    { text: 'x'.repeat(90) + 'y'.repeat(10), tooLong: true },
    { text: 'next', tooLong: false },
  ]);
});

test('skips empty lines', () => {
  expect(split([Buffer.from('\na\n\n\nb\n')]).map((line) => line.text)).toEqual(['a', 'b']);
});
