import {
  existsSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from './store.ts';
import type { BufferOptions, DeviceId, Entry, Submission } from './types.ts';

/* What the tests of this room share. */

export const HOUR = 3_600_000;

export interface Folder extends Disposable {
  readonly path: string;
}

/** With `inMemory`, where there is such a file system: for tests that are many and need no real sync. */
export function folder({ inMemory = false } = {}): Folder {
  const path = mkdtempSync(join(inMemory && existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'headwater-buffer-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export function optionsFor(dir: string, more: Partial<BufferOptions> = {}): BufferOptions {
  return {
    dir,
    maxBytes: 64 * 1024 * 1024,
    maxAgeMs: 24 * HOUR,
    whenFull: 'reject-new',
    liveWithinMs: 10_000,
    ...more,
  };
}

/** Ends a store and leaves its files as a kill would, the same files as before. */
export function crash({ path }: Folder, store: Store): void {
  const names = ['buffer.db', 'buffer.db-wal'].map((name) => join(path, name));
  const contents = names.map((name) => readFileSync(name));
  const [note, kept] = [join(path, 'buffer.session'), join(path, 'kept')];
  linkSync(note, kept);
  store.close();
  renameSync(kept, note);
  writeFileSync(names[1]!, contents[1]!);
  writeFileSync(names[0]!, contents[0]!, { flag: 'r+' });
  truncateSync(names[0]!, contents[0]!.length);
}

/** A clock that the test moves. */
export class TestClock {
  now = 1_800_000_000_000;
  wall = (): number => this.now;
  monotonic = (): number => this.now;
}

export const reading = (value: unknown, alarm = false): Entry => ({
  kind: 'reading',
  alarm,
  value: JSON.stringify(value),
  ts: 1_800_000_000_000,
});

export const frame = (number: number, device = 'mc-1', boot = 'a1b2c3d4'): DeviceId => ({
  kind: 'frame',
  device,
  boot,
  number,
});

export const packet = (packetId: number, dup: boolean, digest: number, client = 'c-1'): DeviceId => ({
  kind: 'packet',
  client,
  packetId,
  dup,
  digest,
});

export const inbound = (packetId: number, client = 'c-1'): DeviceId => ({ kind: 'inbound', client, packetId });

/** What a PUBREL, or a clean session, tells the buffer. */
export const forget = (packetId?: number, client = 'c-1'): Submission => ({
  entries: [],
  forget: packetId === undefined ? { client } : { client, packetId },
});

export const message = (value: unknown, id?: DeviceId): Submission => ({
  entries: [reading(value)],
  ...(id && { id }),
});

export const outcomesOf = (codes: Uint8Array): string[] =>
  [...codes].map((code) => ['stored', 'duplicate', 'refused'][code]!);
