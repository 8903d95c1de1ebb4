import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Message } from '../input.ts';

// The file in which messages are held: a line of JSON for each, in the order in which they came, synced before any is acknowledged. A line's place
// in the file does not change, and tells it from all others. `#` in place of a line's first byte says that all up to it are in the buffer. What is
// torn off at the end was never acknowledged, and is written over.

/** Bytes the file may have. */
const MAX_BYTES = 64 * 1_024 * 1_024;
/** Lines handed over together: few enough that handing the last of them over again after a crash is nothing. */
const BATCH = 64;
/** Characters of their lines: decoded, a message may be a hundred times as much. */
const BATCH_LENGTH = 131_072;
/** Longer than any machine runs: a damaged digit must not move what came in other starts by centuries. */
const MAX_UPTIME_MS = 20 * 366 * 86_400_000;
const DONE = '#';
const NEWLINE = 10;

/** A message in the file. */
export interface Held extends Omit<Message, 'payload'> {
  /** The start of the machine in which it came. */
  readonly boot: string;
  /** ms from that start to its receipt. */
  readonly at: number;
  /** base64 */
  readonly payload: string;
  /** Absent in files of earlier programs. */
  readonly alarm?: boolean;
}

/** A line of the file, from 1. */
export interface Line {
  readonly number: number;
  /** Where it begins in the file, in bytes. */
  readonly at: number;
  readonly text: string;
  /** Undefined where the line was damaged. */
  readonly held: Held | undefined;
}

export interface HeldLog {
  warn(fields: object, message: string): void;
}

export class HeldFile {
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #log: HeldLog;
  readonly #uptimes: Map<string, number>;
  #bytes: number;
  #hasAlarm = false;
  #queue: { held: Held; settle: (taken: boolean) => void }[] = [];
  #writing: Promise<void> | undefined;
  #fails = false;

  private constructor(path: string, handle: FileHandle, log: HeldLog, content: Buffer) {
    this.#path = path;
    this.#handle = handle;
    this.#log = log;
    this.#bytes = content.length;
    this.#uptimes = new Map();
    for (const { at, end } of placesOf(content)) {
      const held = parseHeld(`{${content.toString('utf8', at + 1, end)}`);
      if (held) this.#note(held);
    }
  }

  /** Makes the file where there is none. */
  static async open(path: string, log: HeldLog): Promise<HeldFile> {
    await mkdir(dirname(path), { recursive: true });
    const handle = await open(path, existsSync(path) ? 'r+' : 'wx+', 0o600);
    const content = await readFile(path);
    return new HeldFile(path, handle, log, content.subarray(0, content.lastIndexOf(NEWLINE) + 1));
  }

  get bytes(): number {
    return this.#bytes;
  }

  get hasRoom(): boolean {
    return this.#bytes < MAX_BYTES;
  }

  /** Whether what came last could not be written. */
  get fails(): boolean {
    return this.#fails;
  }

  get hasAlarm(): boolean {
    return this.#hasAlarm;
  }

  /** Each start of the machine of which there is a message, in their order, with how long after it the last one came, in ms. */
  get uptimes(): ReadonlyMap<string, number> {
    return this.#uptimes;
  }

  #note({ boot, at, alarm }: Held): void {
    this.#uptimes.set(boot, at);
    this.#hasAlarm ||= alarm === true;
  }

  /** Whether the message is on the disk. */
  append(held: Held): Promise<boolean> {
    return new Promise((settle) => {
      this.#queue.push({ held, settle });
      this.#writing ??= this.#write();
    });
  }

  async #write(): Promise<void> {
    // What comes in one turn of the event loop is synced together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0) {
      const group = this.#queue;
      this.#queue = [];
      const taken = await this.#writeGroup(group.map(({ held }) => held));
      this.#fails = !taken;
      for (const { settle } of group) settle(taken);
    }
    this.#writing = undefined;
  }

  async #writeGroup(group: readonly Held[]): Promise<boolean> {
    const bytes = Buffer.from(group.map((held) => `${JSON.stringify(held)}\n`).join(''));
    if (this.#bytes + bytes.length > MAX_BYTES) return false;
    try {
      // A disk that fills up takes a part, without an error.
      const { bytesWritten } = await this.#handle.write(bytes, 0, bytes.length, this.#bytes);
      if (bytesWritten < bytes.length) throw new Error('there is no room for them on the disk');
      await this.#handle.datasync();
    } catch (error) {
      this.#log.warn({ err: error }, 'messages could not be held until the clock is set');
      // What was refused must not be found there after a crash.
      await this.#handle.truncate(this.#bytes).catch(() => {});
      return false;
    }
    this.#bytes += bytes.length;
    for (const held of group) this.#note(held);
    return true;
  }

  /** What is not in the buffer yet, in order: so many lines at a time as may be handed over together. `name` is this file's alone. */
  async read(): Promise<{ name: string; batches: Iterable<Line[]> }> {
    await this.#writing;
    const bytes = (await readFile(this.#path)).subarray(0, this.#bytes);
    const first = bytes.subarray(1, bytes.indexOf(NEWLINE));
    const name = createHash('sha256').update(first).digest('hex').slice(0, 32);
    return { name, batches: batchesOf(bytes) };
  }

  /** All up to this line are in the buffer. */
  async markDone({ at }: Line): Promise<void> {
    await this.#handle.write(DONE, at);
    await this.#handle.datasync();
  }

  async remove(): Promise<void> {
    await unlink(this.#path);
    await this.#handle.close();
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#handle.close().catch(() => {});
  }
}

function* batchesOf(bytes: Buffer): Generator<Line[]> {
  const lastDone = bytes.lastIndexOf(`\n${DONE}`) + 1;
  let batch: Line[] = [];
  let length = 0;
  for (const { number, at, end } of placesOf(bytes)) {
    if (at < lastDone || bytes[at] === DONE.charCodeAt(0)) continue;
    const text = bytes.toString('utf8', at, end);
    const held = parseHeld(text);
    // What is to be forgotten has to be stored before, and what has its id next comes after.
    const isAlone = held?.forget ?? batch[0]?.held?.forget;
    length += text.length;
    if (batch.length > 0 && (batch.length === BATCH || length > BATCH_LENGTH || isAlone)) {
      yield batch;
      batch = [];
      length = text.length;
    }
    batch.push({ number, at, text, held });
  }
  if (batch.length > 0) yield batch;
}

function* placesOf(bytes: Buffer): Generator<{ number: number; at: number; end: number }> {
  for (let at = 0, end = 0, number = 1; at < bytes.length; at = end + 1, number++) {
    end = bytes.indexOf(NEWLINE, at);
    yield { number, at, end };
  }
}

function parseHeld(line: string): Held | undefined {
  try {
    const held = JSON.parse(line);
    const texts = [held.boot, held.source, held.payload];
    return texts.every((text) => typeof text === 'string') && held.at >= 0 && held.at < MAX_UPTIME_MS
      ? held
      : undefined;
  } catch {
    return undefined;
  }
}
