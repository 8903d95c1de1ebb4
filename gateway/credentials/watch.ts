import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

export interface FileWatch {
  /** Looks now; resolves when what changed was taken over or refused. */
  check(): Promise<void>;
  close(): void;
}

/** Something that is made from files and can be made anew. */
export interface Watched {
  readonly what: string;
  readonly files: readonly string[];
  /** Takes over what the files hold now. @throws where that cannot be used; what was before stays in use then */
  renew(): Promise<void>;
}

export interface WatchOptions {
  /** Asked at each look, because a reload may change it. */
  readonly watched: () => readonly Watched[];
  readonly everyMs: number;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
}

/**
 * Renews what is made from files when their contents change. Contents are compared, not times: a link that is moved, a copy that keeps its time and
 * a file system without fine times are all seen. What was refused is tried again when a file changes further, as it does where two are written
 * one after the other.
 */
export function watchFiles({ watched, everyMs, log }: WatchOptions): FileWatch {
  const known = new Map<string, string>();
  let checking: Promise<void> = Promise.resolve();

  async function look(): Promise<void> {
    for (const { what, files, renew } of watched()) {
      const now = await digest(files);
      const before = known.get(what);
      known.set(what, now);
      if (before === undefined || before === now) continue;
      try {
        await renew();
        log.info({ files }, `${what}: what was renewed is in use now`);
      } catch (error) {
        log.warn(
          { err: error },
          `${what}: what was renewed cannot be used, and the old stays in use: ${(error as Error).message}`,
        );
      }
    }
  }

  const check = () => {
    checking = checking.then(look);
    return checking;
  };
  void check();
  const timer = setInterval(() => void check(), everyMs);
  timer.unref();
  return { check, close: () => clearInterval(timer) };
}

/** Of the contents, names included; a file that cannot be read counts as different from an empty one. */
async function digest(files: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const file of files) {
    const content = await readFile(file).catch((error: NodeJS.ErrnoException) => `\0${error.code}`);
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest('base64');
}
