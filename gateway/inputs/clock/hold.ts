import { existsSync } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Outcome, Submission } from '../../buffer/index.ts';
import type { Decoder } from '../decode/decode.ts';
import type { Message, Receipt, Receive } from '../input.ts';
import type { GatewayClock } from './gateway-clock.ts';

// While the gateway does not know the time, messages are held in a file, synced before they are acknowledged, each with the time since the
// machine was started. Once the clock is set they get their times and go to the buffer, before any newer message does: a device's frames must
// reach the buffer in order. A crash while they go there hands some over twice; the buffer drops those that have an id of their device.

/** Bytes the file may have; beyond it messages are refused. */
const MAX_BYTES = 64 * 1_024 * 1_024;
const CHECK_MS = 1_000;
const ANNOUNCE_EVERY_MS = 10_000;
/** Messages handed over at a time: the buffer tells apart as many frames of a device, in whatever order they are taken. */
const BATCH = 64;

/** A message in the file. */
interface Held extends Omit<Message, 'payload'> {
  readonly boot: string;
  /** `monotonic()` at receipt. */
  readonly at: number;
  /** base64 */
  readonly payload: string;
}

export interface HoldOptions {
  readonly file: string;
  readonly clock: GatewayClock;
  readonly decoder: Decoder;
  readonly submit: (submission: Submission) => Promise<Outcome>;
  /** Whether `submit` would take a message now. */
  readonly accepts?: () => Promise<boolean>;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
}

/**
 * The way from the inputs to the buffer. Resolves when what an earlier run held has reached the buffer, unless the time is still unknown.
 */
export async function openIntake(options: HoldOptions): Promise<{ receive: Receive; close(): Promise<void> }> {
  const { file, clock, decoder, submit, log } = options;
  let holding: FileHandle | undefined;
  let size = 0;
  let queue: { line: string; settle: (outcome: Outcome) => void }[] = [];
  let writing: Promise<void> | undefined;
  let released: Promise<void> | undefined;
  let closed = false;

  const take = (message: Message): Receipt => {
    if (holding === undefined) return decoder.receive(message, clock.now(), submit);
    const id = decoder.identify(message);
    // Newer messages wait, unacknowledged, until the held ones are in the buffer.
    if (released) return { id, outcome: released.then(() => take(message).outcome) };
    return { id, outcome: hold(message) };
  };

  const receive: Receive = Object.assign(take, {
    accepts: () => (holding ? Promise.resolve(size < MAX_BYTES) : (options.accepts?.() ?? Promise.resolve(true))),
  });

  function hold({ payload, ...message }: Message): Promise<Outcome> {
    const held: Held = { ...message, boot: clock.bootId, at: clock.monotonic(), payload: payload.toString('base64') };
    return new Promise((settle) => {
      queue.push({ line: `${JSON.stringify(held)}\n`, settle });
      writing ??= write(holding!);
    });
  }

  async function write(to: FileHandle): Promise<void> {
    // What comes in one turn of the event loop is synced together.
    await new Promise((resolve) => setImmediate(resolve));
    while (queue.length > 0) {
      const group = queue;
      queue = [];
      let outcome: Outcome = 'refused';
      try {
        const bytes = Buffer.from(group.map(({ line }) => line).join(''));
        if (size + bytes.length <= MAX_BYTES) {
          await to.write(bytes, 0, bytes.length, size);
          await to.datasync();
          size += bytes.length;
          outcome = 'stored';
        }
      } catch (error) {
        log.warn({ err: error }, 'messages could not be held until the clock is set');
      }
      for (const { settle } of group) settle(outcome);
    }
    writing = undefined;
  }

  async function release(): Promise<void> {
    await writing;
    const lines = (await readFile(file)).subarray(0, size).toString().split('\n');
    let count = 0;
    for (let at = 0; at < lines.length; ) {
      let waiting: Held[] = [];
      // What is to be forgotten has to be stored before, however often that is tried.
      do waiting.push(...parseHeld(lines[at++]!));
      while (at < lines.length && waiting.length < BATCH && !lines[at]!.includes('"forget":'));
      count += waiting.length;
      while (waiting.length > 0) {
        const outcomes = await Promise.all(waiting.map((held) => handOver(held)));
        waiting = waiting.filter((_, i) => outcomes[i] === 'refused');
        if (closed) return;
        if (waiting.length > 0) await new Promise((resolve) => setTimeout(resolve, CHECK_MS));
      }
    }
    await holding?.close();
    await unlink(file);
    holding = undefined;
    log.info({ messages: count }, 'the clock is set; the messages held meanwhile have their times');
  }

  function handOver({ boot, at, payload, ...message }: Held): Promise<Outcome> {
    const started = clock.now() - clock.monotonic();
    // Of another start of the machine nothing is known but that it was before this one.
    const receivedAt = Math.round(boot === clock.bootId ? started + at : started);
    return decoder.receive({ ...message, payload: Buffer.from(payload, 'base64') }, receivedAt, submit, true).outcome;
  }

  if (!clock.isSet() || existsSync(file)) {
    await mkdir(dirname(file), { recursive: true });
    holding = await open(file, existsSync(file) ? 'r+' : 'wx+', 0o600);
    size = wholeLines(await readFile(file));
    if (clock.isSet()) await release();
    else log.warn({ file }, 'the clock of this machine is not set: readings are held until it is');
  }
  const timer = setInterval(() => {
    if (holding === undefined) return clearInterval(timer);
    if (released === undefined && clock.isSet()) {
      released = release().catch((error) => {
        log.warn({ err: error }, 'held messages could not be handed over; trying again');
        released = undefined;
      });
    }
  }, CHECK_MS);

  const announcing = setInterval(() => {
    if (holding !== undefined) return;
    const announcement = decoder.announce(clock.now());
    if (announcement.entries.length > 0) void submit(announcement);
  }, ANNOUNCE_EVERY_MS);

  return {
    receive,
    async close() {
      closed = true;
      clearInterval(timer);
      clearInterval(announcing);
      await writing;
      await holding?.close().catch(() => {});
    },
  };
}

/** Bytes up to the end of the last whole line: what follows was torn by a crash and never acknowledged. */
function wholeLines(bytes: Buffer): number {
  return bytes.lastIndexOf(10) + 1;
}

/** None where the line was damaged. */
function parseHeld(line: string): Held[] {
  try {
    return [JSON.parse(line)];
  } catch {
    return [];
  }
}
