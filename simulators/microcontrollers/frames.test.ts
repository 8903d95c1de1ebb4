import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { acknowledge, type BoardFrame, frameReader } from './frames.ts';

const reference = readFileSync(new URL('../../docs/reference/serial-frames.md', import.meta.url), 'utf8');
const [reading, answer] = [...reference.matchAll(/```hex\n([\s\S]*?)```/g)].map(([, hex]) =>
  Buffer.from(hex!.replaceAll(/\s/g, ''), 'hex'),
) as [Buffer, Buffer];

function read(...pieces: Buffer[]): BoardFrame[] {
  const frames: BoardFrame[] = [];
  const reader = frameReader((frame) => frames.push(frame));
  for (const byte of Buffer.concat(pieces)) reader.take(byte);
  return frames;
}

test('the frames in the reference are read, and an answer is written as there', () => {
  const payload = '{"device":"mc-1","values":{"temperature":21.40,"humidity":48.20}}';
  expect(read(reading, answer)).toEqual([
    { kind: 'reading', boot: 'a1b2c3d4', n: 17, payload },
    { kind: 'acknowledgement', boot: 'a1b2c3d4', n: 17, payload: '' },
  ]);
  expect(Buffer.from(acknowledge({ boot: 'a1b2c3d4', n: 17 }))).toEqual(answer);
});

test('half frames and flipped bits are not read, and the next frame is', () => {
  const flipped = Buffer.from(reading);
  flipped[30]! ^= 4;
  expect(read(reading.subarray(0, 40), flipped, Buffer.from([0xff, 1, 2]), answer)).toHaveLength(1);
});
