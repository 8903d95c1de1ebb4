import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitForLock } from '../process/lock.ts';
import { copyDependencies } from './maven.ts';

/** Each is a pom beside this file, `<set>.pom.xml`, whose dependencies make one class path. */
export type ArtifactSet = 'broker' | 'connect' | 'streams';

export interface ArtifactOptions {
  readonly set?: ArtifactSet;
  /** Default: $HEADWATER_CACHE, or ~/.cache/headwater. */
  readonly cacheDir?: string;
  /** A sentence now and then while it downloads. */
  readonly onProgress?: (text: string) => void;
}

export interface Artifacts {
  readonly dir: string;
  /** Full paths, sorted: a class-data archive holds for one order only. */
  readonly jars: readonly string[];
}

const MANIFEST = 'jars.json';

export const defaultCacheDir = (): string => process.env.HEADWATER_CACHE || join(homedir(), '.cache', 'headwater');

/**
 * The jars of a set, downloaded on first use and kept. The folder is named by the content of the pom, appears in one
 * rename, and carries a list of its files by which damage is seen. Throws when Maven or the network is missing.
 */
export async function ensureKafkaArtifacts(options: ArtifactOptions = {}): Promise<Artifacts> {
  const { set = 'broker', cacheDir = defaultCacheDir(), onProgress = () => {} } = options;
  const pom = fileURLToPath(new URL(`${set}.pom.xml`, import.meta.url));
  const version = createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 12);
  const dir = join(cacheDir, `kafka-${set}-${version}`);
  if (isComplete(dir)) return listJars(dir);

  mkdirSync(cacheDir, { recursive: true });
  const lock = await waitForLock(`${dir}.lock`, (pid) =>
    onProgress(`waiting for process ${pid}, which is downloading Kafka`),
  );
  try {
    if (!isComplete(dir)) await download(pom, dir, onProgress);
  } finally {
    lock.release();
  }
  return listJars(dir);
}

async function download(pom: string, dir: string, onProgress: (text: string) => void): Promise<void> {
  const partial = `${dir}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial);
  await copyDependencies(pom, partial, onProgress);
  const sizes = Object.fromEntries(readdirSync(partial).map((jar) => [jar, statSync(join(partial, jar)).size]));
  writeFileSync(join(partial, MANIFEST), JSON.stringify(sizes, null, 2));
  rmSync(dir, { recursive: true, force: true });
  renameSync(partial, dir);
}

function isComplete(dir: string): boolean {
  const manifest = join(dir, MANIFEST);
  if (!existsSync(manifest)) return false;
  const sizes = JSON.parse(readFileSync(manifest, 'utf8')) as Record<string, number>;
  return Object.entries(sizes).every(([jar, size]) => {
    return statSync(join(dir, jar), { throwIfNoEntry: false })?.size === size;
  });
}

function listJars(dir: string): Artifacts {
  const names = readdirSync(dir).filter((name) => name.endsWith('.jar'));
  return { dir, jars: names.sort().map((name) => join(dir, name)) };
}
