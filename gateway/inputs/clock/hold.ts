import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome, Submission } from '../../buffer/index.ts';
import type { Decoder } from '../decode/decode.ts';
import type { Message, Receipt, Receive } from '../input.ts';
import type { GatewayClock } from './gateway-clock.ts';
import { HeldFile, type HeldLog, type Line } from './held-file.ts';

// While the gateway does not know the time, messages are held in a file, each with the time since the machine was started. Once the clock is set they
// get their times and go to the buffer, before any newer message does. Where the clock is not set for too long, or there is no more room, they get the
// time it shows, and say so. After a crash on the way the last of them are handed over again, and the buffer knows them: by the device's id, or by the
// line's place in the file where the device gave none that tells a message from all others.

/** Before messages have to be turned away, they get the time that the clock shows. */
const FULL_BYTES = 56 * 1_024 * 1_024;
const ADVICE = 'let it reach a time server, or set clock.trust to always where its clock is right without one';
const CHECK_MS = 1_000;
/** A time service that has a network sets the clock within this; what has not by then cannot reach a server. */
const ALARMS_WAIT_MS = 120_000;
const ANNOUNCE_EVERY_MS = 10_000;
/** So many times a file that cannot be opened is tried, one second after the other. */
const OPEN_TRIES = 10;
/** Bytes of memory, about, that come of each of a message while it is written to the file; and once it is decoded, at worst: a line of CSV has two. */
const IN_THE_FILE = 2;
const MOST_MADE_OF_A_BYTE = 256;

export interface HoldOptions {
  readonly file: string;
  readonly clock: GatewayClock;
  /** How long messages are held at most, where the clock shows what could be the time: ms in which the machine ran, from its start. */
  readonly holdAtMostMs: number;
  readonly decoder: Decoder;
  readonly submit: (submission: Submission) => PromiseLike<Outcome>;
  /** Whether `submit` would take a message now. */
  readonly accepts?: () => Promise<boolean>;
  /** Whether what is in the buffer leaves it now. */
  readonly isForwarding?: () => boolean;
  readonly log: HeldLog & { info(fields: object, message: string): void };
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

/** A disk that takes no file is waited for, while the buffer leaves it. What cannot be read at all is set aside: nothing new would get past it. */
async function openHeldFile(file: string, log: HeldLog): Promise<HeldFile> {
  for (let tries = 1; ; tries++) {
    try {
      return await HeldFile.open(file, log);
    } catch (err) {
      log.warn({ err, file }, 'the file of messages held until the clock is set cannot be opened; trying again');
    }
    await sleep(CHECK_MS);
    if (tries % OPEN_TRIES !== 0 || !existsSync(file)) continue;
    const aside = `${file}.unreadable-${Date.now()}`;
    await rename(file, aside).catch(() => {});
    log.warn({ file, aside }, 'it was set aside with what it holds');
  }
}

/** The way from the inputs to the buffer. What an earlier run held goes there first, as soon as the time is known; newer messages wait behind it. */
export async function openIntake(options: HoldOptions): Promise<Intake> {
  const { file, clock, holdAtMostMs, decoder, submit, log } = options;
  let holding: HeldFile | undefined;
  let released: Promise<void> | undefined;
  let closed = false;
  let forwardingSince: number | undefined;

  /** Whether messages get their times now. A doubtful time is better than turning them away. */
  const isTime = () => clock.isSet() || (clock.isPlausible() && (isTooLong() || isFull() || isAlarmWaiting()));
  const isFull = () => holding !== undefined && (holding.fails || holding.bytes >= FULL_BYTES);

  /** An alarm is of use now, with a doubtful time too. What came before it goes with it, so that repeats are known and all keep their order. */
  const isAlarmWaiting = () =>
    holding?.hasAlarm && forwardingSince !== undefined && clock.monotonic() - forwardingSince >= ALARMS_WAIT_MS;

  /** Counted while the machine runs, over all its starts of which something is held. A machine that is off every night would hold for ever otherwise. */
  function isTooLong(): boolean {
    let heldFor = clock.monotonic();
    for (const [boot, uptime] of holding?.uptimes ?? []) if (boot !== clock.bootId) heldFor += uptime;
    return heldFor >= holdAtMostMs;
  }

  const take = (message: Message): Receipt => {
    if (holding === undefined) return decoder.receive(message, clock.now(), submit, clock.isSet() ? 'known' : 'shown');
    const { id, alarm } = decoder.peek(message);
    if (closed) return { id, outcome: Promise.resolve('refused'), size: 0 };
    // Newer messages wait, unacknowledged, until the held ones are in the buffer.
    if (released) {
      const size = message.payload.length * MOST_MADE_OF_A_BYTE;
      return { id, outcome: released.then(() => take(message).outcome), size };
    }
    return { id, outcome: hold(holding, message, alarm), size: message.payload.length * IN_THE_FILE };
  };

  const receive: Receive = Object.assign(take, {
    accepts: () => (holding ? Promise.resolve(holding.hasRoom) : (options.accepts?.() ?? Promise.resolve(true))),
  });

  async function hold(to: HeldFile, message: Message, alarm: boolean): Promise<Outcome> {
    const payload = message.payload.toString('base64');
    const held = { ...message, boot: clock.bootId, at: clock.monotonic(), ...(alarm && { alarm }), payload };
    if (await to.append(held)) return 'stored';
    if (closed || !isTime()) return 'refused';
    // The buffer may have room where the disk has none.
    if (released === undefined) begin(to);
    await released;
    return holding === undefined ? take(message).outcome : 'refused';
  }

  async function release(from: HeldFile): Promise<void> {
    const { name, batches } = await from.read();
    let count = 0;
    for (let waiting of batches) {
      const last = waiting.at(-1)!;
      const damaged = waiting.filter(({ held }) => held === undefined).length;
      if (damaged > 0)
        log.warn({ file, damaged }, 'held messages were damaged on the disk; dead letters go in their place');
      count += waiting.length;
      while (waiting.length > 0) {
        const starts = startsOfTheMachine(from);
        const outcomes = await Promise.all(waiting.map((line) => handOver(line, name, starts)));
        waiting = waiting.filter((_, i) => outcomes[i] === 'refused');
        if (closed) return;
        if (waiting.length > 0) await sleep(CHECK_MS);
      }
      await from.markDone(last);
    }
    await from.remove();
    holding = undefined;
    if (clock.isSet()) log.info({ messages: count }, 'the clock is set; the messages held meanwhile have their times');
    else log.warn({ messages: count }, 'the clock is still not set; messages have the time it shows, and say so');
  }

  /** When each start of the machine was, at the latest: how long it was off before the next one is not known. */
  function startsOfTheMachine({ uptimes }: HeldFile): ReadonlyMap<string, number> {
    let started = clock.now() - clock.monotonic();
    const starts = new Map([[clock.bootId, started]]);
    for (const [boot, uptime] of [...uptimes].reverse()) {
      if (boot === clock.bootId) continue;
      started -= uptime;
      starts.set(boot, started);
    }
    return starts;
  }

  function handOver({ number, text, held }: Line, name: string, starts: ReadonlyMap<string, number>) {
    const line = { kind: 'frame', device: 'held', boot: name, number } as const;
    const once = async (submission: Submission): Promise<Outcome> => {
      const { id, forget } = submission;
      const isKnownByItself = id !== undefined && (id.kind !== 'packet' || id.dup);
      if (forget || isKnownByItself) return submit(submission);
      const outcome = await submit({ ...submission, id: line });
      return id === undefined || outcome === 'refused' ? outcome : submit({ entries: [], id });
    };
    const damaged = () => {
      const reason = 'a message held while the clock was not set was damaged on the disk';
      const message = {
        source: 'held',
        payload: Buffer.from(text),
        problem: { code: 'HELD_DAMAGED', reason },
      } as const;
      return decoder.receive(message, clock.now(), once, 'later').outcome;
    };
    if (held === undefined) return damaged();
    const { boot, at, alarm: _, payload, ...message } = held;
    const receivedAt = Math.round((starts.get(boot) ?? starts.get(clock.bootId)!) + at);
    const time = !clock.isSet() ? 'shown' : boot === clock.bootId ? 'later' : 'latest';
    try {
      return decoder.receive({ ...message, payload: Buffer.from(payload, 'base64') }, receivedAt, once, time).outcome;
    } catch {
      // Still JSON, but no message: nothing after it would ever get through.
      return damaged();
    }
  }

  function begin(from: HeldFile): void {
    released = release(from).catch((error) => {
      log.warn({ err: error }, 'held messages could not be handed over; trying again');
      released = undefined;
    });
  }

  if (!isTime() || existsSync(file)) {
    holding = await openHeldFile(file, log);
    if (isTime()) begin(holding);
    else log.warn({ file }, 'the clock of this machine is not set: readings are held until it is');
  }
  const timer = setInterval(() => {
    if (holding === undefined) return clearInterval(timer);
    forwardingSince = options.isForwarding?.() ? (forwardingSince ?? clock.monotonic()) : undefined;
    if (released === undefined && isTime()) begin(holding);
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
      const status = (detail: string, refuses = false) => ({ refuses, clockIsSet, bytes: holding?.bytes ?? 0, detail });
      if (holding && released) return status('what came before the clock was set goes into the buffer first');
      const advice = clock.isPlausible() ? `; ${ADVICE}` : '';
      const unset = 'the clock of this machine is not set';
      if (holding === undefined)
        return status(`${unset}: readings have the time it shows, and say so (clock: unset)${advice}`);
      if (holding.fails) return status(`${unset}: there is no room to hold readings until it is${advice}`, true);
      const kept = `${Math.ceil(holding.bytes / 1_024)} KiB so far`;
      return status(`${unset}: readings are held on the disk until it is, ${kept}${advice}`);
    },
    async close() {
      closed = true;
      clearInterval(timer);
      clearInterval(announcing);
      await released;
      await holding?.close();
    },
  };
}
