import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';

/* The write-ahead log as https://www.sqlite.org/fileformat2.html#the_write_ahead_log describes it. */
const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC = 0x377f0682;

/**
 * How many synced commits SQLite will drop without a word when it opens a database with this write-ahead log: it reads up to the first frame
 * whose checksum is wrong. After a power cut that frame is within the last commit, which nobody was told of; but where another commit follows, it
 * was synced, and is damaged. So is a header that is wrong, as it is synced before any frame. Damage to the last commit, or to the end of the one
 * before it, cannot be told from a power cut. To be called while the database is closed. A log of some other page size counts as sound.
 */
export function commitsBehindDamage(path: string, pageBytes: number): number {
  if (!existsSync(path) || statSync(path).size <= HEADER_BYTES) return 0;
  const fd = openSync(path, 'r');
  try {
    return countBehindDamage(fd, pageBytes);
  } finally {
    closeSync(fd);
  }
}

function countBehindDamage(fd: number, pageBytes: number): number {
  const header = Buffer.alloc(HEADER_BYTES);
  readSync(fd, header, 0, HEADER_BYTES, 0);
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + pageBytes);
  const headerIsSound =
    (header.readUInt32BE(0) & ~1) >>> 0 === MAGIC &&
    equal(checksum([0, 0], header.subarray(0, 24), isBigEndian(header)), sumAt(header, 24));
  const bigEndian = headerIsSound && isBigEndian(header);
  if (headerIsSound && header.readUInt32BE(8) !== pageBytes) return 0;
  const salts = header.subarray(16, 24);
  let sum = sumAt(header, 24);
  let damaged = false;
  let commits = 0;
  let anyBehind = false;
  for (let at = HEADER_BYTES; readSync(fd, frame, 0, frame.length, at) === frame.length; at += frame.length) {
    const before = sum;
    sum = sumAt(frame, 16);
    // Other salts: what an earlier, longer log left behind.
    if (headerIsSound && !frame.subarray(8, 16).equals(salts)) {
      damaged = true;
      continue;
    }
    const expected = checksum(
      checksum(before, frame.subarray(0, 8), bigEndian),
      frame.subarray(FRAME_HEADER_BYTES),
      bigEndian,
    );
    const sound = equal(expected, sum);
    damaged ||= !sound;
    if (!damaged && headerIsSound) continue;
    if (sound && commits > 0) anyBehind = true;
    if (frame.readUInt32BE(4) > 0) commits++;
  }
  return commits > 1 || anyBehind || (commits > 0 && !headerIsSound) ? commits : 0;
}

function isBigEndian(header: Buffer): boolean {
  return (header.readUInt32BE(0) & 1) === 1;
}

type Sum = readonly [number, number];

function sumAt(bytes: Buffer, at: number): Sum {
  return [bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4)];
}

function equal(a: Sum, b: Sum): boolean {
  return a[0] === b[0] && a[1] === b[1];
}

function checksum([a, b]: Sum, bytes: Buffer, bigEndian: boolean): Sum {
  for (let at = 0; at < bytes.length; at += 8) {
    const [first, second] = bigEndian
      ? [bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4)]
      : [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)];
    a = (a + first + b) >>> 0;
    b = (b + second + a) >>> 0;
  }
  return [a, b];
}
