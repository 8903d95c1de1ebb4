import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { rowsOf } from './rows.ts';

/** An input has at most so many numbered messages of a device on their way to the disk: so few that what is refused among them never costs a memory. */
export const FRAME_WINDOW = 512;

export const FRAMES = `CREATE TABLE frames (
  device TEXT, boot TEXT, seen BLOB, used INTEGER,
  PRIMARY KEY (device, boot)
) WITHOUT ROWID;`;

/** Runs of a boot's numbers. Numbers that are all on their way at once can leave half as many behind. */
export const MOST_RUNS = 512;
/** Where there are too many runs in all, so much of the limit is kept: not every commit has to make room. */
const ROOM = 7 / 8;
/** A byte of a packed number says by its highest bit whether more follow. */
const MORE = 128;

export interface FrameLimits {
  /** Pairs of device and boot. */
  readonly boots: number;
  /** Of all of them. */
  readonly runs: number;
}

interface Frames {
  readonly device: string;
  readonly boot: string;
  /** The numbers that came, as runs: first, last, first, last, … and mostly one run, as a device counts up. */
  readonly seen: number[];
}

/**
 * The memory of the numbers that came, exactly, of the pairs of device and boot used last. A boot with more than `MOST_RUNS` runs forgets the one with
 * the lowest numbers; where there are too many in all, the boots used longest ago keep only their highest. Repeats of what is forgotten are stored
 * again: what never came is never taken for a repeat. Written to the database by `save`, in the store's commit.
 */
export class FrameMemory {
  readonly #limits: FrameLimits;
  /** In order of last use, oldest first. */
  readonly #frames = new Map<string, Frames>();
  readonly #changed = new Set<string>();
  /** Numbers in all `seen`: two for each run. */
  #size = 0;
  #uses = 0;
  readonly #sql: Record<'load' | 'save' | 'cut' | 'forget', StatementSync>;

  constructor(db: DatabaseSync, limits: FrameLimits) {
    this.#limits = limits;
    this.#sql = {
      load: db.prepare('SELECT device, boot, seen, used FROM frames ORDER BY used'),
      save: db.prepare('INSERT OR REPLACE INTO frames VALUES (?, ?, ?, ?)'),
      cut: db.prepare('UPDATE frames SET seen = ? WHERE device = ? AND boot = ?'),
      forget: db.prepare('DELETE FROM frames WHERE device = ? AND boot = ?'),
    };
    this.load();
  }

  /** Takes the memory from the database; also after a rollback. */
  load(): void {
    this.#frames.clear();
    this.#changed.clear();
    this.#size = 0;
    this.#uses = 0;
    for (const row of rowsOf(this.#sql.load)) {
      const [device, boot] = [row.device as string, row.boot as string];
      const seen = unpackRuns(row.seen as Uint8Array);
      this.#frames.set(`${device}/${boot}`, { device, boot, seen });
      this.#size += seen.length;
      this.#uses = row.used as number;
    }
  }

  knows(device: string, boot: string, number: number): boolean {
    const seen = this.#frames.get(`${device}/${boot}`)?.seen;
    if (!seen || number > seen.at(-1)!) return false;
    const at = runOf(seen, number);
    return at < seen.length && seen[at]! <= number;
  }

  /** A number that is not known. */
  remember(device: string, boot: string, number: number): void {
    const key = `${device}/${boot}`;
    const frames = this.#frames.get(key) ?? { device, boot, seen: [] };
    this.#frames.delete(key);
    this.#frames.set(key, frames);
    this.#changed.add(key);
    const { seen } = frames;
    this.#size -= seen.length;
    addTo(seen, number);
    // Not the run that has just come.
    if (seen.length > 2 * MOST_RUNS) seen.splice(seen[0] === number ? 2 : 0, 2);
    this.#size += seen.length;
  }

  /** Forgets what is beyond the limits; true if there was anything. */
  shrink(): boolean {
    const before = this.#size;
    for (const [oldest, { device, boot, seen }] of this.#frames) {
      if (this.#frames.size <= this.#limits.boots) break;
      this.#frames.delete(oldest);
      this.#size -= seen.length;
      this.#sql.forget.run(device, boot);
    }
    if (this.#size > 2 * this.#limits.runs) {
      for (const { device, boot, seen } of this.#frames.values()) {
        if (this.#size <= 2 * this.#limits.runs * ROOM) break;
        if (seen.length <= 2) continue;
        this.#size -= seen.length - 2;
        seen.splice(0, seen.length - 2);
        this.#sql.cut.run(packRuns(seen), device, boot);
      }
    }
    return this.#size < before;
  }

  /** Writes what changed: once for each device in a commit, however many of its frames came. */
  save(): void {
    this.shrink();
    for (const key of this.#changed) {
      const frames = this.#frames.get(key);
      if (frames) this.#sql.save.run(frames.device, frames.boot, packRuns(frames.seen), ++this.#uses);
    }
    this.#changed.clear();
  }
}

/** The place of the first run that ends at or after the number; the length where there is none. */
function runOf(seen: readonly number[], number: number): number {
  let [low, high] = [0, seen.length / 2];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (seen[2 * middle + 1]! < number) low = middle + 1;
    else high = middle;
  }
  return 2 * low;
}

/** Adds a number that is in no run. */
function addTo(seen: number[], number: number): void {
  const last = seen.length - 1;
  if (last > 0 && seen[last]! === number - 1) {
    seen[last] = number;
    return;
  }
  const at = runOf(seen, number);
  const follows = at > 0 && seen[at - 1] === number - 1;
  const leads = seen[at] === number + 1;
  if (follows && leads) seen.splice(at - 1, 2);
  else if (follows) seen[at - 1] = number;
  else if (leads) seen[at] = number;
  else seen.splice(at, 0, number, number);
}

/** Each number as its distance from the one before, seven bits a byte, the lowest first. */
export function packRuns(seen: readonly number[]): Uint8Array {
  const bytes: number[] = [];
  let before = 0;
  for (const number of seen) {
    let distance = number - before;
    for (; distance >= MORE; distance = Math.floor(distance / MORE)) bytes.push(MORE + (distance % MORE));
    bytes.push(distance);
    before = number;
  }
  return Uint8Array.from(bytes);
}

/** The runs are in order whatever the bytes are; none where a number is beyond all that devices send. */
function unpackRuns(bytes: Uint8Array): number[] {
  const seen: number[] = [];
  let [number, place] = [0, 1];
  for (const byte of bytes) {
    number += (byte % MORE) * place;
    place = byte < MORE ? 1 : place * MORE;
    if (byte < MORE) seen.push(number);
  }
  if (seen.length % 2 === 1) seen.pop();
  return Number.isSafeInteger(number) ? seen : [];
}

/** A ring of bits in layouts 2 and 3, that of a frame at its number modulo this; in layout 1 hexadecimal text, the lowest bit for the highest. */
const RING = 512;
const OLD_RING = 64;

/** Brings rows of layouts 1 to 3 into today's table, within the caller's transaction. */
export function migrateFrames(db: DatabaseSync): void {
  db.exec(`ALTER TABLE frames RENAME TO ringed_frames; ${FRAMES}`);
  takeFrames(db.prepare('SELECT * FROM ringed_frames').iterate(), db);
  db.exec('DROP TABLE ringed_frames');
}

/**
 * Writes rows of layouts 1 to 3 into the frames of `db`; leaves out what is none. Numbers older than those of a ring were taken for repeats, also
 * where they had never come; now they are not.
 */
export function takeFrames(rows: Iterable<Record<string, unknown>>, db: DatabaseSync): void {
  const insert = db.prepare('INSERT OR IGNORE INTO frames VALUES (?, ?, ?, ?)');
  for (const { device, boot, highest, seen, used } of rows) {
    const came = ringOf(seen, highest as number);
    if (typeof device !== 'string' || typeof boot !== 'string' || !Number.isSafeInteger(highest) || !came) continue;
    const runs: number[] = [];
    for (let number = Math.max(1, (highest as number) - RING + 1); number <= (highest as number); number++) {
      if (came(number)) addTo(runs, number);
    }
    if (runs.length > 0) insert.run(device, boot, packRuns(runs), used as number);
  }
}

function ringOf(seen: unknown, highest: number): ((number: number) => boolean) | undefined {
  if (seen instanceof Uint8Array && seen.length === RING / 8) {
    return (number) => ((seen[(number % RING) >> 3]! >> (number & 7)) & 1) === 1;
  }
  if (typeof seen !== 'string' || !/^[0-9a-f]{1,16}$/.test(seen)) return undefined;
  const bits = BigInt(`0x${seen}`);
  return (number) => highest - number < OLD_RING && ((bits >> BigInt(highest - number)) & 1n) === 1n;
}
