import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** How far a followed file was read, in a form that finds the place again after rotations. */
export interface Place {
  readonly dev: number;
  readonly ino: number;
  /** SHA-256 of the first `headBytes` bytes: inode numbers are given out again, and a copy has another. */
  readonly head: string;
  readonly headBytes: number;
  /** Bytes read and done with. */
  readonly offset: number;
  /** When the file was last written to, as far as was seen, ms since the epoch; its successors are newer. */
  readonly modifiedAt: number;
}

/** A file opened for reading, and what tells it from others. */
export interface OpenFile {
  readonly path: string;
  readonly handle: FileHandle;
  readonly dev: number;
  readonly ino: number;
}

const HEAD_BYTES = 1024;
/** What log rotation puts after the name: `.1`, `-20261122`, `.2026-11-22`; compressed files do not match. */
const ROTATED = /^[.-]\d[\d.:T_-]*$/;

/** Opens a file; undefined where there is none. */
export async function openFile(path: string): Promise<OpenFile | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const { dev, ino } = await handle.stat();
  return { path, handle, dev, ino };
}

/** The place at `offset` of an open file. */
export async function placeOf(file: OpenFile, offset: number): Promise<Place> {
  const headBytes = Math.min(offset, HEAD_BYTES);
  const [head, { mtimeMs }] = await Promise.all([headOf(file, headBytes), file.handle.stat()]);
  return { dev: file.dev, ino: file.ino, head, headBytes, offset, modifiedAt: mtimeMs };
}

/** Whether an open file still begins as it did when the place was noted, and reaches as far. */
export async function holds(file: OpenFile, place: Place): Promise<boolean> {
  const { size } = await file.handle.stat();
  return size >= place.offset && (await headOf(file, place.headBytes)) === place.head;
}

export function isSameFile(file: { dev: number; ino: number }, place: { dev: number; ino: number }): boolean {
  return file.dev === place.dev && file.ino === place.ino;
}

/**
 * Finds the file of a place under the name it has now: `path` itself, or what rotation made of it: the same file renamed, else a copy of it.
 * Undefined where it is gone.
 */
export async function findAgain(path: string, place: Place): Promise<OpenFile | undefined> {
  let copy: OpenFile | undefined;
  for (const candidate of [path, ...(await rotated(path)).map((r) => r.path)]) {
    const file = await openFile(candidate);
    if (!file) continue;
    const matches = await holds(file, place);
    if (matches && isSameFile(file, place)) {
      await copy?.handle.close();
      return file;
    }
    // Without a head nothing was read, and there is nothing to tell a copy by.
    if (matches && place.headBytes > 0 && copy === undefined && candidate !== path) copy = file;
    else await file.handle.close();
  }
  return copy;
}

/** A file as it was found under a name, which it may have lost since. */
export interface Found {
  readonly path: string;
  readonly dev: number;
  readonly ino: number;
}

/** What rotation made of the files that came after a place's own, oldest first. */
export async function rotatedSince(path: string, place: Place): Promise<Found[]> {
  return (await rotated(path)).filter((found) => found.modifiedAt > place.modifiedAt && !isSameFile(found, place));
}

async function rotated(path: string): Promise<(Found & { modifiedAt: number })[]> {
  const base = basename(path);
  const found = [];
  for (const name of await readdir(dirname(path))) {
    if (!name.startsWith(base) || !ROTATED.test(name.slice(base.length))) continue;
    const sibling = join(dirname(path), name);
    const info = await stat(sibling).catch(() => undefined);
    if (info?.isFile()) found.push({ path: sibling, modifiedAt: info.mtimeMs, dev: info.dev, ino: info.ino });
  }
  return found.sort((a, b) => a.modifiedAt - b.modifiedAt);
}

async function headOf(file: OpenFile, bytes: number): Promise<string> {
  const buffer = Buffer.alloc(bytes);
  const { bytesRead } = await file.handle.read(buffer, 0, bytes, 0);
  return createHash('sha256').update(buffer.subarray(0, bytesRead)).digest('hex').slice(0, 32);
}
