import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../../../simulators/random/index.ts';
import type { BadDisk } from './bad-disk.ts';

const SECTOR = 512;

interface Write {
  readonly inode: string;
  readonly offset: number;
  readonly length: number;
  readonly sizeBefore: number;
  readonly old: Buffer;
}

/** A change of names: how it is taken back. */
type Naming = () => void;

/**
 * Makes of the files what a power cut may leave: whatever was synced is there; of the rest, each sector of a file is as it was at any moment since,
 * and names changed only up to some moment since. With `all`, nothing that was not synced is there. To be called when the program is dead.
 */
export function cutPower({ dir, journal }: BadDisk, random: Random, all: boolean): void {
  const { writes, namings } = unsynced(join(journal, 'journal'), journal);
  const files = filesByInode([dir, journal]);
  const settled = new Set<string>();
  for (const write of writes.reverse()) {
    const path = files.get(write.inode);
    if (path !== undefined)
      undo(path, write, (sector) => {
        const key = `${write.inode}/${sector}`;
        if (settled.has(key)) return false;
        const gone = all || random.chance(0.5);
        if (!gone) settled.add(key);
        return gone;
      });
  }
  const from = all ? 0 : random.between(0, namings.length);
  for (const takeBack of namings.slice(from).reverse()) takeBack();
  for (const name of readdirSync(journal)) rmSync(join(journal, name));
}

function unsynced(path: string, kept: string): { readonly writes: Write[]; readonly namings: Naming[] } {
  if (!existsSync(path)) return { writes: [], namings: [] };
  const bytes = readFileSync(path);
  let writes: Write[] = [];
  let namings: Naming[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = bytes.indexOf(10, at);
    const line = bytes.toString('utf8', at, end);
    at = end + 1;
    const [what, first = '', ...rest] = line.split(' ');
    const [one = '', other = ''] = rest.join(' ').split('\t');
    switch (what) {
      case 'write': {
        const [offset, length, sizeBefore, size] = rest.map(Number) as [number, number, number, number];
        writes.push({ inode: first, offset, length, sizeBefore, old: bytes.subarray(at, at + size) });
        at += size;
        break;
      }
      case 'sync':
        writes = writes.filter(({ inode }) => inode !== first);
        break;
      case 'syncdir':
        namings = [];
        break;
      case 'make':
        namings.push(() => rmSync(first));
        break;
      case 'remove':
        namings.push(() => renameSync(join(kept, first), one));
        break;
      case 'rename':
        namings.push(() => {
          renameSync(other, one);
          if (first !== '0') renameSync(join(kept, first), other);
        });
        break;
      default:
        throw new Error(`the journal of the disk says "${line}"`);
    }
  }
  return { writes, namings };
}

function undo(path: string, { offset, length, sizeBefore, old }: Write, goes: (sector: number) => boolean): void {
  const fd = openSync(path, 'r+');
  let anyLeft = false;
  for (let from = offset; from < offset + length; ) {
    const sector = Math.floor(from / SECTOR);
    const until = Math.min((sector + 1) * SECTOR, offset + length);
    if (goes(sector)) {
      const size = fstatSync(fd).size;
      const before = Buffer.alloc(Math.max(0, Math.min(until, Math.max(size, sizeBefore)) - from));
      // Beyond what was there, a file that grew again is empty.
      if (from - offset < old.length) old.copy(before, 0, from - offset, until - offset);
      writeSync(fd, before, 0, before.length, from);
    } else anyLeft = true;
    from = until;
  }
  if (!anyLeft && fstatSync(fd).size > sizeBefore) ftruncateSync(fd, sizeBefore);
  closeSync(fd);
}

function filesByInode(folders: readonly string[]): Map<string, string> {
  const files = new Map<string, string>();
  for (const folder of folders) {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      files.set(String(statSync(path, { bigint: true }).ino), path);
    }
  }
  return files;
}
