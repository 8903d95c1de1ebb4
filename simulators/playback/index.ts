import { mkdirSync } from 'node:fs';
import { appendFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A line and when it is due, ms since the epoch. */
export interface TimedLine {
  readonly at: number;
  /** Without its line end. */
  readonly bytes: Buffer;
}

export interface PlaybackOptions {
  readonly file: string;
  /** Renames the file to `.1`, that to `.2` and so on, and begins a new one; never where it is absent. */
  readonly rotateEveryMs?: number;
  /** Rotated files kept. */
  readonly keep?: number;
  readonly now?: () => number;
}

const WRITE_EVERY_MS = 100;
const LF = Buffer.from('\n');

/**
 * Writes each line to a file when it is due, late ones at once. After a failure to write nothing more is written; `close` throws it.
 */
export function playToFile(lines: Iterator<TimedLine>, options: PlaybackOptions): { close(): Promise<void> } {
  const { file, rotateEveryMs = Number.POSITIVE_INFINITY, keep = 5, now = Date.now } = options;
  const stop = new AbortController();
  mkdirSync(dirname(file), { recursive: true });

  const run = async () => {
    let next = lines.next();
    let rotateAt = now() + rotateEveryMs;
    while (!stop.signal.aborted && !next.done) {
      const due: Buffer[] = [];
      for (const until = now(); !next.done && next.value.at <= until; next = lines.next())
        due.push(next.value.bytes, LF);
      if (due.length > 0) await appendFile(file, Buffer.concat(due));
      const moment = now();
      if (moment >= rotateAt) {
        await rotate(file, keep);
        rotateAt = moment + rotateEveryMs;
      }
      await sleep(WRITE_EVERY_MS, undefined, { signal: stop.signal }).catch(() => {});
    }
  };
  const running = run();
  // Reported by close; until then it is nobody's unhandled rejection.
  running.catch(() => {});
  return {
    async close() {
      stop.abort();
      await running;
    },
  };
}

async function rotate(file: string, keep: number): Promise<void> {
  await rm(`${file}.${keep}`, { force: true });
  for (let n = keep; n > 0; n--) {
    await rename(n === 1 ? file : `${file}.${n - 1}`, `${file}.${n}`).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
  await appendFile(file, '');
}
