import { expect, test } from 'vitest';
import { readLogDirs } from './log-dirs.ts';

/** A directory as version 4 of the answer has it. */
function directory(error: number, name: string, total: bigint, free: bigint): Buffer {
  const bytes = Buffer.alloc(2 + 1 + name.length + 1 + 16 + 1);
  bytes.writeInt16BE(error, 0);
  bytes.writeUInt8(name.length + 1, 2);
  bytes.write(name, 3);
  bytes.writeUInt8(1, 3 + name.length);
  bytes.writeBigInt64BE(total, 4 + name.length);
  bytes.writeBigInt64BE(free, 12 + name.length);
  return bytes;
}
const answer = (error: number, ...directories: Buffer[]) =>
  Buffer.concat([Buffer.from([0, 0, 0, 0, 0, 0, error, directories.length + 1]), ...directories, Buffer.from([0])]);

test('each directory of a broker is read with its space, up to more than 4 GB', () => {
  const bytes = answer(0, directory(0, '/data/a', 8_000_000_000_000n, 5_000_000_000n), directory(0, '/b', 10n, 0n));
  expect(readLogDirs(bytes)).toEqual([
    { totalBytes: 8_000_000_000_000, freeBytes: 5_000_000_000 },
    { totalBytes: 10, freeBytes: 0 },
  ]);
});

test('one that has failed, or whose space is not known, is left out; without the right there is none', () => {
  expect(readLogDirs(answer(0, directory(57, '/gone', 10n, 5n), directory(0, '/old', -1n, -1n)))).toEqual([]);
  expect(readLogDirs(answer(31))).toEqual([]);
});
