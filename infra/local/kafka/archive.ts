import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitForLock } from '../process/lock.ts';
import { startCluster } from './cluster.ts';
import type { Java } from './java.ts';

const DUMP_GRACE_MS = 60_000;

/**
 * The path of a class-data archive, by which a broker starts in half the time. It holds for one Java and these very
 * jars, so it is made on this machine: by one start of a broker that is thrown away.
 */
export async function ensureArchive(
  java: Java,
  jars: readonly string[],
  cacheDir: string,
  onProgress: (text: string) => void,
): Promise<string> {
  const key = createHash('sha256')
    .update(java.version)
    .update(JSON.stringify(jars.map(fingerprint)));
  const path = join(cacheDir, `classes-${key.digest('hex').slice(0, 12)}.jsa`);
  if (existsSync(path)) return path;
  const lock = await waitForLock(`${path}.lock`, (pid) =>
    onProgress(`waiting for process ${pid}, which prepares Kafka`),
  );
  try {
    if (!existsSync(path)) await make(path, java, jars, cacheDir, onProgress);
  } finally {
    lock.release();
  }
  return path;
}

async function make(
  path: string,
  java: Java,
  jars: readonly string[],
  cacheDir: string,
  onProgress: (text: string) => void,
): Promise<void> {
  onProgress("preparing Kafka's classes for quick starts (once)");
  const dir = mkdtempSync(join(cacheDir, 'training-'));
  const partial = join(dir, 'classes.jsa');
  try {
    const runtime = { java, jars, archive: { mode: 'make' as const, path: partial } };
    const cluster = await startCluster(runtime, { dir: join(dir, 'kafka'), users: ['admin'] });
    await cluster.close(DUMP_GRACE_MS);
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
