import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Line, LineSplitter } from './lines.ts';
import { findAgain, holds, isSameFile, type OpenFile, openFile, type Place, placeOf, rotatedSince } from './place.ts';

export interface FollowOptions {
  readonly signal: AbortSignal;
  /** How often a file is looked at that had nothing new; 250 unless given. */
  readonly pollMs?: number;
  /** A renamed file is finished when it was not written to for this long, 2,000 unless given: servers write on until they reopen their logs. */
  readonly quietMs?: number;
}

/** Lines of a followed file, in order. Whoever has dealt with them keeps `place`, and may later go on from there. */
export interface FollowedBatch {
  readonly lines: readonly Line[];
  readonly place: Place;
  /** Set where lines may have been missed before these, and why. */
  readonly gap?: string;
}

/** Where to go on: at a place, or after the file it lies in. */
interface Progress {
  readonly place: Place;
  readonly finished: boolean;
}

const CHUNK_BYTES = 512 * 1024;

/**
 * Follows a file until the signal aborts, as `tail -F` does but missing nothing: waits for a file that is not there yet; after a rotation by rename and
 * create reads the old file to its end, then any that came between, then the new one; after copy-and-truncate reads the rest from the copy where there
 * is one. Only whole lines are given out. Goes on from `place`, or from the beginning of the file.
 * @throws the file system's own errors, such as EACCES
 */
export async function* follow(
  path: string,
  place: Place | undefined,
  { signal, pollMs = 250, quietMs = 2_000 }: FollowOptions,
): AsyncGenerator<FollowedBatch, void, undefined> {
  let progress = place && { place, finished: false };
  while (!signal.aborted) {
    const next = await openNext(path, progress, pollMs);
    if (next === undefined) {
      await pause(pollMs, signal);
      continue;
    }
    try {
      if (next.gap !== undefined) yield { lines: [], place: next.place, gap: next.gap };
      progress = yield* readFile(path, next.file, next.place, { signal, pollMs, quietMs });
    } finally {
      await next.file.handle.close();
    }
  }
}

/** The file to read next, and from where; undefined while there is none or a rotation is under way. */
async function openNext(
  path: string,
  progress: Progress | undefined,
  pollMs: number,
): Promise<{ file: OpenFile; place: Place; gap?: string } | undefined> {
  if (progress && !progress.finished) {
    const file = await findWithPatience(path, progress.place, pollMs);
    if (file) return { file, place: { ...progress.place, dev: file.dev, ino: file.ino } };
  }
  const next = progress && (await rotatedSince(path, progress.place))[0];
  const file = await openFile(next?.path ?? path);
  if (!file) return undefined;
  if (next && !isSameFile(file, next)) {
    await file.handle.close();
    return undefined;
  }
  const place = await placeOf(file, 0);
  // Of a file cut short nothing is known to be lost.
  if (!progress || progress.finished || isSameFile(file, progress.place)) return { file, place };
  return { file, place, gap: `it was rotated and removed before it was read beyond byte ${progress.place.offset}` };
}

/** Looks more than once: while names move from file to file, the one that is looked for can slip through. */
async function findWithPatience(path: string, place: Place, pollMs: number): Promise<OpenFile | undefined> {
  for (let attempt = 0; attempt < 3; attempt++) {
    if (attempt > 0) await sleep(pollMs);
    const file = await findAgain(path, place);
    if (file) return file;
  }
  return undefined;
}

/** Gives out the lines of one file until another has taken its name, it was cut short, or the signal aborts. */
async function* readFile(
  path: string,
  file: OpenFile,
  from: Place,
  { signal, pollMs, quietMs }: Required<FollowOptions>,
): AsyncGenerator<FollowedBatch, Progress, undefined> {
  const splitter = new LineSplitter(from.offset);
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let place = from;
  let position = from.offset;
  while (!signal.aborted) {
    const { bytesRead } = await file.handle.read(chunk, 0, CHUNK_BYTES, position);
    if (bytesRead > 0) {
      position += bytesRead;
      const lines = splitter.push(chunk.subarray(0, bytesRead));
      if (lines.length > 0) {
        place = await placeOf(file, splitter.offset);
        yield { lines, place };
      }
      continue;
    }
    if (await isReplaced(path, file, quietMs)) {
      const last = splitter.finish();
      place = await placeOf(file, splitter.offset);
      if (last) yield { lines: [last], place };
      return { place, finished: true };
    }
    await pause(pollMs, signal);
    if (!(await holds(file, { ...place, offset: position }))) break;
  }
  return { place, finished: false };
}

/** Whether another file has the name now and this one, its writer included, is done with. */
async function isReplaced(path: string, file: OpenFile, quietMs: number): Promise<boolean> {
  const present = await stat(path).catch(() => undefined);
  if (present === undefined || isSameFile(present, file)) return false;
  const { mtimeMs } = await file.handle.stat();
  return Date.now() - mtimeMs >= quietMs;
}

/** Waits `ms`, or less when the signal aborts. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
