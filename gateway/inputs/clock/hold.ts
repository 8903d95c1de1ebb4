import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Outcome, Submission } from '../../buffer/index.ts';
import type { Decoder } from '../decode/decode.ts';
import type { Message, Receipt, Receive } from '../input.ts';
import type { GatewayClock } from './gateway-clock.ts';

// While the gateway does not know the time, messages are held in a file, synced before they are acknowledged, each with the time since the
// machine was started. Once the clock is set they get their times and go to the buffer, before any newer message does: a device's frames must
// reach the buffer in order. Where the clock is not set for too long, or there is no more room, they get the time it shows, and say so. After a
// crash on the way the last batch is handed over again, and the buffer knows it: by the device's id, or by the line's place in the file where the
// device gave none that tells a message from all others.

/** Bytes the file may have; beyond it messages are refused. */
const MAX_BYTES = 64 * 1_024 * 1_024;
/** From here on the time that the clock shows is better than turning messages away. */
const FULL_BYTES = 56 * 1_024 * 1_024;
const ADVICE = 'let it reach a time server, or set clock.trust to always where its clock is right without one';
const CHECK_MS = 1_000;
const ANNOUNCE_EVERY_MS = 10_000;
/** Messages handed over at a time: the buffer tells apart as many frames of a device, in whatever order they are taken. */
const BATCH = 64;
/** Characters of their lines: decoded, a message may be a hundred times as much. */
const BATCH_LENGTH = 131_072;
/** Bytes of memory, about, that come of each of a message while it is written to the file; and once it is decoded, at worst: a line of CSV has two. */
const IN_THE_FILE = 2;
const MOST_MADE_OF_A_BYTE = 256;
/** In place of the first byte of a line: up to this one, all are in the buffer. */
const DONE = '#';

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
  /** How long after the machine's start messages are held at most, where its clock shows what could be the time. */
  readonly holdAtMostMs: number;
  readonly decoder: Decoder;
  readonly submit: (submission: Submission) => PromiseLike<Outcome>;
  /** Whether `submit` would take a message now. */
  readonly accepts?: () => Promise<boolean>;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
}

export interface Intake {
  readonly receive: Receive;
  /** What there is to say while messages are held, or while the clock is not set; undefined otherwise. */
  held(): HeldStatus | undefined;
  close(): Promise<void>;
}

export interface HeldStatus {
  /** Whether messages are turned away. */
  readonly refuses: boolean;
  readonly clockIsSet: boolean;
  /** Bytes of the file. */
  readonly bytes: number;
  readonly detail: string;
}

/** A line of the file, from 1, as it is to be handed over. */
interface Line {
  readonly number: number;
  /** Where it begins in the file, in bytes. */
  readonly at: number;
  readonly text: string;
  /** Undefined where the line was damaged. */
  readonly held: Held | undefined;
}

/** The way from the inputs to the buffer. What an earlier run held goes there first, as soon as the time is known; newer messages wait behind it. */
export async function openIntake(options: HoldOptions): Promise<Intake> {
  const { file, clock, holdAtMostMs, decoder, submit, log } = options;
  let holding: FileHandle | undefined;
  let size = 0;
  let queue: { line: string; settle: (outcome: Outcome) => void }[] = [];
  let writing: Promise<void> | undefined;
  let released: Promise<void> | undefined;
  let closed = false;
  let refuses = false;

  /** Whether messages get their times now. */
  const isTime = () =>
    clock.isSet() || (clock.isPlausible() && (clock.monotonic() >= holdAtMostMs || size >= FULL_BYTES));

  const take = (message: Message): Receipt => {
    if (holding === undefined) return decoder.receive(message, clock.now(), submit, !clock.isSet());
    const id = decoder.identify(message);
    if (closed) return { id, outcome: Promise.resolve('refused'), size: 0 };
    // Newer messages wait, unacknowledged, until the held ones are in the buffer.
    if (released) {
      const size = message.payload.length * MOST_MADE_OF_A_BYTE;
      return { id, outcome: released.then(() => take(message).outcome), size };
    }
    return { id, outcome: hold(message), size: message.payload.length * IN_THE_FILE };
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
          // A disk that fills up takes a part, without an error.
          const { bytesWritten } = await to.write(bytes, 0, bytes.length, size);
          if (bytesWritten < bytes.length) throw new Error('there is no room for them on the disk');
          await to.datasync();
          size += bytes.length;
          outcome = 'stored';
        }
      } catch (error) {
        log.warn({ err: error }, 'messages could not be held until the clock is set');
        // What was refused must not be found there after a crash.
        await to.truncate(size).catch(() => {});
      }
      refuses = outcome === 'refused';
      for (const { settle } of group) settle(outcome);
    }
    writing = undefined;
  }

  async function release(): Promise<void> {
    await writing;
    const bytes = (await readFile(file)).subarray(0, size);
    const name = createHash('sha256')
      .update(bytes.subarray(1, bytes.indexOf(10)))
      .digest('hex')
      .slice(0, 32);
    let count = 0;
    for (let waiting of batchesOf(bytes)) {
      const { at } = waiting.at(-1)!;
      const damaged = waiting.filter(({ held }) => held === undefined).length;
      if (damaged > 0)
        log.warn({ file, damaged }, 'held messages were damaged on the disk; dead letters go in their place');
      count += waiting.length;
      while (waiting.length > 0) {
        const outcomes = await Promise.all(waiting.map((line) => handOver(line, name)));
        waiting = waiting.filter((_, i) => outcomes[i] === 'refused');
        if (closed) return;
        if (waiting.length > 0) await new Promise((resolve) => setTimeout(resolve, CHECK_MS));
      }
      await holding!.write(DONE, at);
      await holding!.datasync();
    }
    await unlink(file);
    await holding!.close();
    holding = undefined;
    if (clock.isSet()) log.info({ messages: count }, 'the clock is set; the messages held meanwhile have their times');
    else log.warn({ messages: count }, 'the clock is still not set; messages have the time it shows, and say so');
  }

  function handOver({ number, text, held }: Line, name: string): PromiseLike<Outcome> {
    const line = { kind: 'frame', device: 'held', boot: name, number } as const;
    const once = async (submission: Submission): Promise<Outcome> => {
      const { id, forget } = submission;
      const isKnownByItself = id !== undefined && (id.kind !== 'packet' || id.dup);
      if (forget || isKnownByItself) return submit(submission);
      const outcome = await submit({ ...submission, id: line });
      return id === undefined || outcome === 'refused' ? outcome : submit({ entries: [], id });
    };
    const started = clock.now() - clock.monotonic();
    if (held === undefined) {
      const problem = {
        code: 'HELD_DAMAGED',
        reason: 'a message held while the clock was not set was damaged on the disk',
      };
      return decoder.receive({ source: 'held', payload: Buffer.from(text), problem }, clock.now(), once, true).outcome;
    }
    const { boot, at, payload, ...message } = held;
    // Of another start of the machine nothing is known but that it was before this one.
    const receivedAt = Math.round(boot === clock.bootId ? started + at : started);
    return decoder.receive({ ...message, payload: Buffer.from(payload, 'base64') }, receivedAt, once, true).outcome;
  }

  function begin(): void {
    released = release().catch((error) => {
      log.warn({ err: error }, 'held messages could not be handed over; trying again');
      released = undefined;
    });
  }

  if (!isTime() || existsSync(file)) {
    await mkdir(dirname(file), { recursive: true });
    holding = await open(file, existsSync(file) ? 'r+' : 'wx+', 0o600);
    size = wholeLines(await readFile(file));
    if (isTime()) begin();
    else log.warn({ file }, 'the clock of this machine is not set: readings are held until it is');
  }
  const timer = setInterval(() => {
    if (holding === undefined) return clearInterval(timer);
    if (released === undefined && isTime()) begin();
  }, CHECK_MS);

  const announcing = setInterval(() => {
    if (holding !== undefined) return;
    const announcement = decoder.announce(clock.now());
    if (announcement.entries.length > 0) void submit(announcement);
  }, ANNOUNCE_EVERY_MS);

  return {
    receive,
    held() {
      const clockIsSet = clock.isSet();
      if (holding === undefined && clockIsSet) return undefined;
      const status = (detail: string, refuses = false) => ({ refuses, clockIsSet, bytes: holding ? size : 0, detail });
      if (holding && released) return status('what came before the clock was set goes into the buffer first');
      const advice = clock.isPlausible() ? `; ${ADVICE}` : '';
      const unset = 'the clock of this machine is not set';
      if (holding === undefined)
        return status(`${unset}: readings have the time it shows, and say so (clock: unset)${advice}`);
      if (refuses) return status(`${unset}: there is no room to hold readings until it is${advice}`, true);
      const kept = `${Math.ceil(size / 1_024)} KiB so far`;
      return status(`${unset}: readings are held on the disk until it is, ${kept}${advice}`);
    },
    async close() {
      closed = true;
      clearInterval(timer);
      clearInterval(announcing);
      await writing;
      await released;
      await holding?.close().catch(() => {});
    },
  };
}

/** Bytes up to the end of the last whole line: what follows was torn by a crash and never acknowledged. */
function wholeLines(bytes: Buffer): number {
  return bytes.lastIndexOf(10) + 1;
}

/** The lines that are not in the buffer yet, in their order: so many at a time as may be handed over together. */
function* batchesOf(bytes: Buffer): Generator<Line[]> {
  const lastDone = bytes.lastIndexOf(`\n${DONE}`) + 1;
  let batch: Line[] = [];
  let length = 0;
  let number = 0;
  for (let at = 0, end = 0; at < bytes.length; at = end + 1) {
    end = bytes.indexOf(10, at);
    number++;
    if (at < lastDone || bytes[at] === DONE.charCodeAt(0)) continue;
    const text = bytes.toString('utf8', at, end);
    const line = { number, at, text, held: parseHeld(text) };
    // What is to be forgotten has to be stored before, and what has its id next comes after.
    const isAlone = line.held?.forget ?? batch[0]?.held?.forget;
    length += text.length;
    if (batch.length > 0 && (batch.length === BATCH || length > BATCH_LENGTH || isAlone)) {
      yield batch;
      batch = [];
      length = text.length;
    }
    batch.push(line);
  }
  if (batch.length > 0) yield batch;
}

function parseHeld(line: string): Held | undefined {
  try {
    const { boot, at, source, payload } = JSON.parse(line);
    const isHeld = [boot, source, payload].every((text) => typeof text === 'string') && Number.isFinite(at);
    return isHeld ? JSON.parse(line) : undefined;
  } catch {
    return undefined;
  }
}
