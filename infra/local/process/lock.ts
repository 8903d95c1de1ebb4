import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { HeadwaterError } from '../../../contract/index.ts';

export interface Lock {
  release(): void;
}

/**
 * Takes the lock at `path` for this process, or gives undefined when another one (or another part of this one) has it.
 * SQLite's exclusive file lock does the work: the kernel lets it go when its holder dies, so there is no stale lock,
 * on Linux and macOS alike.
 */
export function tryLock(path: string): Lock | undefined {
  mkdirSync(dirname(path), { recursive: true });
  const database = new DatabaseSync(path);
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (isBusy(error)) return undefined;
    throw new HeadwaterError('LOCK_FAILED', `${path} cannot be locked; check that its folder is writable`, {
      cause: error,
    });
  }
  writeFileSync(`${path}.pid`, `${process.pid}\n`);
  return {
    release() {
      rmSync(`${path}.pid`, { force: true });
      database.close();
    },
  };
}

/** Takes the lock, or throws a message that names the holder and says what to do. */
export function lock(path: string, what: string): Lock {
  const taken = tryLock(path);
  if (taken) return taken;
  throw new HeadwaterError(
    'ALREADY_RUNNING',
    `${what} is in use by process ${holder(path)}. Stop that one first (Ctrl-C, or kill it), or use another folder.`,
  );
}

/** Waits until the lock is free, then takes it. */
export async function waitForLock(path: string, onWait: (holder: string) => void): Promise<Lock> {
  for (let told = false; ; told = true) {
    const taken = tryLock(path);
    if (taken) return taken;
    if (!told) onWait(holder(path));
    await sleep(200);
  }
}

function holder(path: string): string {
  try {
    return readFileSync(`${path}.pid`, 'utf8').trim();
  } catch {
    return '(unknown)';
  }
}

function isBusy(error: unknown): boolean {
  const SQLITE_BUSY = 5;
  return (error as { errcode?: number }).errcode === SQLITE_BUSY;
}
