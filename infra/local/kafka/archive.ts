import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitForLock } from '../process/lock.ts';
import type { Java } from './java.ts';
import type { Runtime } from './jvm.ts';

/** How long a program that is trained may take to end: it writes its archive then. */
export const DUMP_GRACE_MS = 60_000;

export interface Training {
  readonly java: Java;
  readonly jars: readonly string[];
  readonly cacheDir: string;
  /** What is prepared, for people. */
  readonly title: string;
  /** Starts the program once with `runtime`, lets it do what it will have to do, and ends it within `DUMP_GRACE_MS`. */
  readonly run: (runtime: Runtime, dir: string) => Promise<void>;
  readonly onProgress: (text: string) => void;
}

/**
 * The path of a class-data archive, by which a program starts in half the time. It holds for one Java and these very
 * jars, so it is made on this machine: by one start of the program that is thrown away.
 */
export async function ensureArchive(training: Training): Promise<string> {
  const { java, jars, cacheDir, title, onProgress } = training;
  const key = createHash('sha256')
    .update(java.version)
    .update(JSON.stringify(jars.map(fingerprint)));
  const path = join(cacheDir, `classes-${key.digest('hex').slice(0, 12)}.jsa`);
  if (existsSync(path)) return path;
  const lock = await waitForLock(`${path}.lock`, (pid) =>
    onProgress(`waiting for process ${pid}, which prepares ${title}`),
  );
  try {
    if (!existsSync(path)) await make(path, training);
  } finally {
    lock.release();
  }
  return path;
}

async function make(path: string, training: Training): Promise<void> {
  const { java, jars, cacheDir, title, run, onProgress } = training;
  onProgress(`preparing ${title}'s classes for quick starts (once)`);
  const dir = mkdtempSync(join(cacheDir, 'training-'));
  const partial = join(dir, 'classes.jsa');
  try {
    await run({ java, jars, archive: { mode: 'make', path: partial } }, dir);
    // A Java that cannot make one is not asked again: it ignores an empty archive.
    if (!existsSync(partial)) writeFileSync(partial, '');
    renameSync(partial, path);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

// Java refuses an archive when a jar has another path, size or time of change.
function fingerprint(jar: string) {
  const { size, mtimeMs } = statSync(jar);
  return [jar, size, mtimeMs];
}
