import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { playToFile, type TimedLine } from './index.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'headwater-playback-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

function* numbered(everyMs: number): Generator<TimedLine> {
  for (let n = 1; ; n++) yield { at: n * everyMs, bytes: Buffer.from(`line ${n}`) };
}
const read = (name: string) => readFileSync(join(dir, name), 'utf8').split('\n').slice(0, -1);

test('writes what is due and nothing that is not', async () => {
  const playback = playToFile(numbered(10), { file: join(dir, 'sub', 'log'), now: () => 35 });
  await vi.waitFor(() => expect(read('sub/log')).toEqual(['line 1', 'line 2', 'line 3']));
  await playback.close();
  expect(read('sub/log')).toHaveLength(3);
});

test('rotates by rename and create, keeps so many files, and loses no line between them', async () => {
  let time = 0;
  const file = join(dir, 'log');
  const playback = playToFile(numbered(10), { file, rotateEveryMs: 100, keep: 2, now: () => time });
  for (let step = 1; step <= 3; step++) {
    time = step * 100;
    await vi.waitFor(() => expect(read('log.1').at(-1)).toBe(`line ${step * 10}`));
  }
  await playback.close();
  expect(readdirSync(dir).sort()).toEqual(['log', 'log.1', 'log.2']);
  expect([...read('log.2'), ...read('log.1')]).toEqual(Array.from({ length: 20 }, (_, i) => `line ${i + 11}`));
});

test('tells on closing that it could not write', async () => {
  const playback = playToFile(numbered(10), { file: dir, now: () => 100 });
  await expect(playback.close()).rejects.toThrow(/EISDIR/);
});
