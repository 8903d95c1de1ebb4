import { crc32 } from 'node:zlib';
import type { Reading, Rejected } from '../../../contract/index.ts';
import { type DeviceId, digestFrom, type Entry, type Outcome, type Submission } from '../../buffer/index.ts';
import { DeviceClock, stampInDoubt } from '../clock/device-clock.ts';
import type { Message, Problem, Receipt } from '../input.ts';
import { DeadLetters } from './dead-letters.ts';
import { parse } from './parse.ts';
import type { Parsed } from './parsed.ts';
import type { RuleCounts, Rules } from './rules.ts';
import { type Topic, Topics } from './topics.ts';
import type { Draft } from './transform/transform.ts';

const NOTHING = { device: '', values: [], problems: [], alarm: false };
const NO_BYTES = Buffer.alloc(0);
/** Bytes of a message kept in a dead letter. */
const MAX_KEPT = 4_096;
/** What an entry costs in memory beyond its text, about, with its copy in the buffer's thread. */
const ENTRY_OVERHEAD = 256;
/** Devices whose clock is remembered; the ones longest silent are forgotten beyond it. */
const MAX_DEVICES = 10_000;
const MAX_UNITS = 1_000;
/** How far apart it is noted that a device was heard: not with each message, which would have its place in the order made anew each time. */
const NOTED_EVERY_MS = 1_000;

/**
 * How the gateway came by the time of receipt: from a clock that was set (`known`, or `later`, when it was set after that), as the `latest` that it can
 * have been, or as `shown` by a clock that nothing had set.
 */
export type TimeKnown = 'known' | 'later' | 'latest' | 'shown';

interface Known {
  boot: string | undefined;
  clock: DeviceClock;
  lost: number;
  /** When it was noted last that the device was heard. */
  notedAt: number;
}

/** Turns device messages into what the buffer stores. Remembers for each device what its clock showed. */
export class Decoder {
  readonly #devices = new Map<string, Known>();
  readonly #gateway: string;
  readonly #site: string;
  /** JSON of what is the same in every reading, between its device and its metric. */
  readonly #where: string;
  #rules: ReadonlyMap<string, Rules>;
  readonly #letters = new DeadLetters(0);
  readonly #topics = new Topics();
  /** JSON of units: there are few, unless somebody means harm. */
  readonly #units = new Map<string, string>();
  #lastTail = { ts: 0, receivedAt: 0, clock: undefined as Reading['clock'], json: '' };
  #framesLost = 0;

  /** `rules`: by the source of the messages they are for. */
  constructor(options: {
    readonly gateway: string;
    readonly site: string;
    readonly rules?: ReadonlyMap<string, Rules>;
  }) {
    this.#gateway = options.gateway;
    this.#site = options.site;
    this.#where = `","gateway":"${options.gateway}","site":"${options.site}","metric":"`;
    this.#rules = options.rules ?? new Map();
  }

  /** Messages are read by these rules from now on. What the old ones remembered and counted is gone. */
  useRules(rules: ReadonlyMap<string, Rules>): void {
    this.#rules = rules;
  }

  /** What the rules did, by source. */
  get ruleCounts(): Readonly<Record<string, RuleCounts>> {
    return Object.fromEntries(Array.from(this.#rules, ([source, { counts }]) => [source, counts]));
  }

  /** Frames that devices say they had to give up, since the gateway started. */
  get framesLost(): number {
    return this.#framesLost;
  }

  /**
   * Reads a message by the rules of its input and stores what is left of it through `submit`. Unless the time was known when the message came, its
   * readings say so.
   */
  receive(
    message: Message,
    receivedAt: number,
    submit: (submission: Submission) => PromiseLike<Outcome>,
    time: TimeKnown = 'known',
  ): Receipt {
    const rules = this.#rules.get(message.source);
    if (rules === undefined || message.forget || message.passing) {
      const submission = this.decode(message, receivedAt, time);
      return { id: submission.id, outcome: submit(submission), size: sizeOf(submission.entries) };
    }
    const parsed = rules.parse(message);
    const id = deviceId(parsed[0] ?? NOTHING, message);
    if (parsed.length === 0) {
      rules.countIgnored();
      return { id, outcome: Promise.resolve('stored'), size: 0 };
    }
    const readings = parsed.flatMap((one) => this.#drafts(one, message, receivedAt, time));
    // One reading that has to wait for another is counted without what it will be then.
    let size = readings.length * ENTRY_OVERHEAD;
    const outcome = rules.apply(readings, (kept, problems) => {
      const entries = kept.map((reading) => this.#entry(reading, receivedAt));
      for (const problem of [...parsed.flatMap((one) => one.problems), ...problems]) {
        this.#reject(problem, message, receivedAt, entries);
      }
      size += sizeOf(entries);
      // Dropped or not, a message that can be sent again must be known again.
      return entries.length === 0 && id === undefined ? Promise.resolve('stored') : submit(withId(entries, id));
    });
    return { id, outcome, size };
  }

  /** What there is to know of a message before it is stored: the device's own id of it, and whether it is an alarm. */
  peek(message: Message): { readonly id: DeviceId | undefined; readonly alarm: boolean } {
    if (message.forget) return { id: undefined, alarm: false };
    if (message.passing) return { id: deviceId(NOTHING, message), alarm: false };
    const rules = this.#rules.get(message.source);
    const parsed = rules ? rules.parse(message) : [parse(message)];
    return { id: deviceId(parsed[0] ?? NOTHING, message), alarm: parsed.some(({ alarm }) => alarm) };
  }

  /** What the buffer stores of a message whose input has no rules. `time` as in `receive`. */
  decode(message: Message, receivedAt: number, time: TimeKnown = 'known'): Submission {
    const { forget } = message;
    if (forget) return { entries: [], forget };
    if (message.passing) return withId([], deviceId(NOTHING, message));
    const topic = message.topic === undefined ? undefined : this.#topics.of(message.topic);
    const parsed = parse(message, true, topic);
    const entries = this.#readings(parsed, message, receivedAt, time);
    for (const problem of parsed.problems) this.#reject(problem, message, receivedAt, entries);
    return withId(entries, deviceId(parsed, message, topic));
  }

  /** Dead letters that were held back, because too many came of one sender. */
  get deadLettersHeldBack(): number {
    return this.#letters.heldBack;
  }

  /** What is to be said of senders whose dead letters were held back and who have been silent since. To be stored now and then. */
  announce(now: number): Submission {
    const entries = Array.from(this.#letters.due(now), ({ sender, count }) => {
      const reason = `${count} more messages of ${sender} that could not be kept as readings were only counted`;
      return rejectedEntry({ code: 'SUPPRESSED', reason }, { source: sender, payload: NO_BYTES }, now);
    });
    return { entries };
  }

  #reject(problem: Problem, message: Message, receivedAt: number, entries: Entry[]): void {
    const { source, sender } = message;
    const held = this.#letters.next(sender === undefined ? source : `${source}:${sender}`, receivedAt);
    if (held === undefined) return;
    const { code, reason } = problem;
    const more = held === 0 ? '' : `; ${held} more of this sender since its last dead letter were only counted`;
    entries.push(rejectedEntry({ code, reason: reason + more }, message, receivedAt));
  }

  #readings(parsed: Parsed, message: Message, receivedAt: number, time: TimeKnown): Entry[] {
    if (parsed.values.length === 0) return [];
    const { ts, clock } = this.#stamp(parsed, message, receivedAt, time);
    // Names hold nothing that JSON would escape; written out, this costs a third of JSON.stringify.
    const head = `{"device":"${parsed.device}${this.#where}`;
    const tail = this.#tail(ts, receivedAt, clock);
    const entries: Entry[] = [];
    for (const { metric, value, unit } of parsed.values) {
      const json = `${head}${metric}","value":${value},"unit":${this.#unit(unit)}${tail}`;
      entries.push({ kind: 'reading', alarm: parsed.alarm, value: json, ts });
    }
    return entries;
  }

  /** What follows the unit: the same for many messages that come together. */
  #tail(ts: number, receivedAt: number, clock: Reading['clock']): string {
    const last = this.#lastTail;
    if (last.ts === ts && last.receivedAt === receivedAt && last.clock === clock) return last.json;
    const json = `,"ts":${ts},"receivedAt":${receivedAt}${clock === undefined ? '' : `,"clock":"${clock}"`}}`;
    this.#lastTail = { ts, receivedAt, clock, json };
    return json;
  }

  #unit(unit: string): string {
    const known = this.#units.get(unit);
    if (known !== undefined) return known;
    const json = JSON.stringify(unit);
    if (this.#units.size >= MAX_UNITS) this.#units.clear();
    this.#units.set(unit, json);
    return json;
  }

  #drafts(parsed: Parsed, message: Message, receivedAt: number, time: TimeKnown): Draft[] {
    if (parsed.values.length === 0) return [];
    const stamp = this.#stamp(parsed, message, receivedAt, time);
    const { device, alarm } = parsed;
    return parsed.values.map((value) => ({ device, ...value, ...stamp, alarm }));
  }

  #entry({ device, metric, value, unit, ts, clock, alarm }: Draft, receivedAt: number): Entry {
    const where = { gateway: this.#gateway, site: this.#site };
    const reading: Reading = { device, ...where, metric, value, unit, ts, receivedAt, ...(clock && { clock }) };
    return { kind: 'reading', alarm, value: JSON.stringify(reading), ts };
  }

  #stamp(parsed: Parsed, message: Message, receivedAt: number, time: TimeKnown) {
    const known = this.#known(parsed, receivedAt);
    // A packet that is sent again carries the bytes of its first sending.
    const sentAt = message.packet?.dup ? undefined : parsed.sentAt;
    const times = { ts: parsed.ts, sentAt, receivedAt };
    if (time === 'known') {
      const { ts, clock } = known.clock.stamp(times);
      return { ts, clock };
    }
    // What a device's clock showed against a time that was not known does not count later.
    const ts = time === 'later' ? new DeviceClock().stamp(times).ts : stampInDoubt(times, time === 'latest');
    return { ts, clock: 'unset' as const };
  }

  #known(parsed: Parsed, receivedAt: number): Known {
    const boot = parsed.frame?.boot;
    let known = this.#devices.get(parsed.device);
    const isNew = known === undefined || (boot !== undefined && boot !== known.boot);
    if (known === undefined && this.#devices.size >= MAX_DEVICES) {
      this.#devices.delete(this.#devices.keys().next().value as string);
    }
    if (known === undefined || isNew) known = { boot, clock: new DeviceClock(), lost: 0, notedAt: receivedAt };
    if (isNew || Math.abs(receivedAt - known.notedAt) >= NOTED_EVERY_MS) {
      // Moves it to the end: the first of the map is the one longest silent.
      this.#devices.delete(parsed.device);
      this.#devices.set(parsed.device, known);
      known.notedAt = receivedAt;
    }
    if (parsed.lost !== undefined && parsed.lost > known.lost) {
      this.#framesLost += parsed.lost - known.lost;
      known.lost = parsed.lost;
    }
    return known;
  }
}

function sizeOf(entries: readonly Entry[]): number {
  let size = 0;
  for (const { value } of entries) size += value.length + ENTRY_OVERHEAD;
  return size;
}

function withId(entries: Entry[], id: DeviceId | undefined): Submission {
  return id === undefined ? { entries } : { entries, id };
}

function deviceId({ device, frame }: Parsed, message: Message, known?: Topic): DeviceId | undefined {
  const { source, packet, topic, payload } = message;
  // A frame that came whole and names no device is a dead letter, and known again by its line.
  if (frame) return { kind: 'frame', device: device || source, boot: frame.boot, number: frame.number };
  if (packet === undefined) return undefined;
  if (packet.once) return { kind: 'inbound', client: packet.client, packetId: packet.packetId };
  // Only compared for the same packet id of the same client on a repeat, so 32 bits and the length are enough.
  const digest = digestFrom(crc32(payload, known?.checksum ?? crc32(topic ?? '')), payload.length);
  return { kind: 'packet', client: packet.client, packetId: packet.packetId, dup: packet.dup, digest };
}

function rejectedEntry(problem: Problem, { source, topic, payload }: Message, receivedAt: number): Entry {
  const value: Rejected = {
    origin: topic === undefined ? source : `${source}:${topic.slice(0, 256)}`,
    code: problem.code,
    reason: problem.reason,
    bytes: payload.subarray(0, MAX_KEPT).toString('base64'),
    receivedAt,
  };
  return { kind: 'rejected', alarm: false, value: JSON.stringify(value), ts: receivedAt };
}
