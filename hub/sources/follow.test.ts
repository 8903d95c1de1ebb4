import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { follow } from './follow.ts';
import type { Place } from './place.ts';

let dir: string;
let log: string;
let stop: AbortController;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'headwater-follow-'));
  log = join(dir, 'access.log');
  stop = new AbortController();
});
afterEach(() => {
  stop.abort();
  rmSync(dir, { recursive: true });
});

/** Follows the log from `place` until `count` lines came; `meanwhile` changes the files once the first lines are there. */
async function read(count: number, place?: Place, quietMs = 0, meanwhile = () => {}) {
  const lines: string[] = [];
  const gaps: string[] = [];
  let last = place;
  const ended = new AbortController();
  for await (const batch of follow(log, place, { signal: ended.signal, pollMs: 5, quietMs })) {
    lines.push(...batch.lines.map((line) => line.bytes.toString()));
    if (batch.gap !== undefined) gaps.push(batch.gap);
    last = batch.place;
    if (lines.length >= count) ended.abort();
    else if (batch.lines.length > 0 && lines.length === batch.lines.length) meanwhile();
  }
  return { lines, gaps, place: JSON.parse(JSON.stringify(last)) as Place };
}

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}\n`).join('');
const names = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}`);

describe('follow', () => {
  test('waits for a file that is not there yet', async () => {
    const reading = read(3);
    await new Promise((resolve) => setTimeout(resolve, 20));
    writeFileSync(log, numbered(1, 3));
    expect((await reading).lines).toEqual(names(1, 3));
  });

  test('goes on from a place, with what was written meanwhile', async () => {
    writeFileSync(log, numbered(1, 3));
    const { place } = await read(3);
    appendFileSync(log, numbered(4, 5));
    expect((await read(2, place)).lines).toEqual(names(4, 5));
  });

  test('gives out a line only when it is whole', async () => {
    writeFileSync(log, 'line 1\nli');
    const { place } = await read(1);
    appendFileSync(log, 'ne 2\n');
    expect((await read(1, place)).lines).toEqual(['line 2']);
  });

  test('reads a renamed file to its end before the new one, late lines and an unfinished one included', async () => {
    writeFileSync(log, numbered(1, 2));
    const { lines } = await read(6, undefined, 100, () => {
      renameSync(log, `${log}.1`);
      writeFileSync(log, numbered(5, 6));
      appendFileSync(`${log}.1`, 'line 3\nline 4');
    });
    expect(lines).toEqual(names(1, 6));
  });

  test('reads every file of several rotations that happened while it was away', async () => {
    writeFileSync(log, numbered(1, 2));
    const { place } = await read(2);
    appendFileSync(log, numbered(3, 4));
    renameSync(log, `${log}.2`);
    await new Promise((resolve) => setTimeout(resolve, 10));
    writeFileSync(`${log}.1`, numbered(5, 6));
    await new Promise((resolve) => setTimeout(resolve, 10));
    writeFileSync(log, numbered(7, 8));
    writeFileSync(join(dir, 'access.log.bak'), 'not part of it\n');
    expect(await read(6, place)).toMatchObject({ lines: names(3, 8), gaps: [] });
  });

  test('does not read what was rotated before it began to follow', async () => {
    writeFileSync(`${log}.1`, 'old\n');
    await new Promise((resolve) => setTimeout(resolve, 10));
    writeFileSync(log, numbered(1, 2));
    const { lines, place } = await read(2);
    expect(lines).toEqual(names(1, 2));
    appendFileSync(log, numbered(3, 3));
    expect((await read(1, place)).lines).toEqual(names(3, 3));
  });

  test('says that lines may be missing when its file is gone', async () => {
    writeFileSync(log, numbered(1, 2));
    const { place } = await read(2);
    writeFileSync(`${log}.new`, numbered(3, 3));
    unlinkSync(log);
    renameSync(`${log}.new`, log);
    const { lines, gaps } = await read(1, place);
    expect(lines).toEqual(names(3, 3));
    expect(gaps).toEqual([expect.stringContaining('removed before it was read beyond byte 14')]);
  });

  test('begins anew where an inode was given to another file', async () => {
    writeFileSync(log, numbered(1, 2));
    const { place } = await read(2);
    truncateSync(log, 0);
    appendFileSync(log, numbered(7, 9));
    expect((await read(3, place)).lines).toEqual(names(7, 9));
  });

  test('reads the rest of a file that was copied and cut short from the copy', async () => {
    writeFileSync(log, numbered(1, 2));
    const { place } = await read(2);
    appendFileSync(log, numbered(3, 4));
    copyFileSync(log, `${log}.1`);
    truncateSync(log, 0);
    appendFileSync(log, numbered(5, 5));
    expect(await read(3, place)).toMatchObject({ lines: names(3, 5), gaps: [] });
  });

  test('notices while following that the file was cut short', async () => {
    writeFileSync(log, numbered(1, 5));
    const lines: string[] = [];
    for await (const batch of follow(log, undefined, { signal: stop.signal, pollMs: 5, quietMs: 0 })) {
      lines.push(...batch.lines.map((line) => line.bytes.toString()));
      if (lines.length > 5) break;
      truncateSync(log, 0);
      appendFileSync(log, numbered(6, 6));
    }
    expect(lines).toEqual(names(1, 6));
  });
});
