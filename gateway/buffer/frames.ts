import type { DatabaseSync, StatementSync } from 'node:sqlite';

/**
 * How many frames of a device up to its highest are known one by one. An older one counts as a repeat, so a device (or the input it speaks
 * through) must not have more than so many on their way to the disk. A power of two.
 */
export const FRAME_WINDOW = 512;
/** The window of layout 1, which kept it as hexadecimal text. */
const OLD_WINDOW = 64;

interface Frames {
  readonly device: string;
  readonly boot: string;
  highest: number;
  /** A ring of bits: that of a frame is at its number modulo the window. */
  readonly seen: Uint8Array;
}

/** The memory of frame numbers, of the `limit` pairs of device and boot used last. Written to the database by `save`, in the store's commit. */
export class FrameMemory {
  readonly #limit: number;
  /** In order of last use, oldest first. */
  readonly #frames = new Map<string, Frames>();
  readonly #changed = new Set<string>();
  #uses = 0;
  readonly #sql: Record<'load' | 'save' | 'forget', StatementSync>;

  constructor(db: DatabaseSync, limit: number) {
    this.#limit = limit;
    this.#sql = {
      load: db.prepare('SELECT * FROM frames ORDER BY used'),
      save: db.prepare('INSERT OR REPLACE INTO frames VALUES (?, ?, ?, ?, ?)'),
      forget: db.prepare('DELETE FROM frames WHERE device = ? AND boot = ?'),
    };
    this.load();
  }

  /** Takes the memory from the database; also after a rollback. */
  load(): void {
    this.#frames.clear();
    this.#changed.clear();
    this.#uses = 0;
    for (const row of this.#sql.load.iterate()) {
      const [device, boot] = [row.device as string, row.boot as string];
      this.#frames.set(`${device}/${boot}`, {
        device,
        boot,
        highest: row.highest as number,
        seen: Uint8Array.from(row.seen as Uint8Array),
      });
      this.#uses = row.used as number;
    }
  }

  knows(device: string, boot: string, number: number): boolean {
    const frames = this.#frames.get(`${device}/${boot}`);
    if (!frames || number > frames.highest) return false;
    return frames.highest - number >= FRAME_WINDOW || isSet(frames.seen, number);
  }

  remember(device: string, boot: string, number: number): void {
    const key = `${device}/${boot}`;
    const frames = this.#frames.get(key) ?? { device, boot, highest: number, seen: new Uint8Array(FRAME_WINDOW / 8) };
    this.#frames.delete(key);
    this.#frames.set(key, frames);
    this.#changed.add(key);
    if (number - frames.highest >= FRAME_WINDOW) frames.seen.fill(0);
    else for (let between = frames.highest + 1; between < number; between++) clear(frames.seen, between);
    frames.highest = Math.max(frames.highest, number);
    set(frames.seen, number);
    this.shrink();
  }

  /** Forgets what is beyond the limit; true if there was anything. */
  shrink(): boolean {
    const before = this.#frames.size;
    for (const [oldest, { device, boot }] of this.#frames) {
      if (this.#frames.size <= this.#limit) break;
      this.#frames.delete(oldest);
      this.#sql.forget.run(device, boot);
    }
    return this.#frames.size < before;
  }

  /** Writes what changed: once for each device in a commit, however many of its frames came. */
  save(): void {
    for (const key of this.#changed) {
      const frames = this.#frames.get(key);
      if (frames) this.#sql.save.run(frames.device, frames.boot, frames.highest, frames.seen, ++this.#uses);
    }
    this.#changed.clear();
  }
}

/** Brings rows of layout 1 into today's form. What was older than their window counts as a repeat, as it did. */
export function migrateFrames(db: DatabaseSync): void {
  const update = db.prepare('UPDATE frames SET seen = ? WHERE device = ? AND boot = ?');
  for (const { device, boot, highest, seen } of db.prepare("SELECT * FROM frames WHERE typeof(seen) = 'text'").all()) {
    const [last, bits] = [highest as number, BigInt(`0x${seen}`)];
    const ring = new Uint8Array(FRAME_WINDOW / 8).fill(0xff);
    for (let back = 0; back < OLD_WINDOW; back++) {
      if (((bits >> BigInt(back)) & 1n) === 0n) clear(ring, last - back);
    }
    update.run(ring, device as string, boot as string);
  }
}

function isSet(ring: Uint8Array, number: number): boolean {
  const bit = number & (FRAME_WINDOW - 1);
  return ((ring[bit >> 3]! >> (bit & 7)) & 1) === 1;
}

function set(ring: Uint8Array, number: number): void {
  const bit = number & (FRAME_WINDOW - 1);
  ring[bit >> 3]! |= 1 << (bit & 7);
}

function clear(ring: Uint8Array, number: number): void {
  const bit = number & (FRAME_WINDOW - 1);
  ring[bit >> 3]! &= ~(1 << (bit & 7));
}
