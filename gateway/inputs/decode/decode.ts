import { crc32 } from 'node:zlib';
import type { Reading, Rejected } from '../../../contract/index.ts';
import type { DeviceId, Entry, Submission } from '../../buffer/index.ts';
import { DeviceClock } from '../clock/device-clock.ts';
import type { Message, Problem } from '../input.ts';
import { type Parsed, parse } from './parse.ts';

/** Bytes of a message kept in a dead letter. */
const MAX_KEPT = 4_096;
/** Devices whose clock is remembered; the ones longest silent are forgotten beyond it. */
const MAX_DEVICES = 10_000;

interface Known {
  boot: string | undefined;
  clock: DeviceClock;
  lost: number;
}

/** Turns device messages into what the buffer stores. Remembers for each device what its clock showed. */
export class Decoder {
  readonly #devices = new Map<string, Known>();
  readonly #gateway: string;
  readonly #site: string;
  #framesLost = 0;

  constructor(options: { readonly gateway: string; readonly site: string }) {
    this.#gateway = options.gateway;
    this.#site = options.site;
  }

  /** Frames that devices say they had to give up, since the gateway started. */
  get framesLost(): number {
    return this.#framesLost;
  }

  /** `unset`: the gateway did not know the time when the message came, and `receivedAt` was worked out later. */
  decode(message: Message, receivedAt: number, unset = false): Submission {
    const parsed = parse(message);
    const entries = this.#readings(parsed, message, receivedAt, unset);
    for (const problem of parsed.problems) entries.push(rejectedEntry(problem, message, receivedAt));
    const id = deviceId(parsed, message);
    return id === undefined ? { entries } : { entries, id };
  }

  #readings(parsed: Parsed, message: Message, receivedAt: number, unset: boolean): Entry[] {
    if (parsed.values.length === 0) return [];
    const stamp = this.#known(parsed).clock.stamp({
      ts: parsed.ts,
      // A packet that is sent again carries the bytes of its first sending.
      sentAt: message.packet?.dup ? undefined : parsed.sentAt,
      receivedAt,
    });
    const clock: Reading['clock'] = unset ? 'unset' : stamp.clock;
    // Names hold nothing that JSON would escape; written out, this costs a third of JSON.stringify.
    const head = `{"device":"${parsed.device}","gateway":"${this.#gateway}","site":"${this.#site}","metric":"`;
    const tail = `,"ts":${stamp.ts},"receivedAt":${receivedAt}${clock === undefined ? '' : `,"clock":"${clock}"`}}`;
    return parsed.values.map(({ metric, value, unit }) => ({
      kind: 'reading',
      alarm: parsed.alarm,
      value: `${head}${metric}","value":${value},"unit":${JSON.stringify(unit)}${tail}`,
      ts: stamp.ts,
    }));
  }

  #known(parsed: Parsed): Known {
    const boot = parsed.frame?.boot;
    let known = this.#devices.get(parsed.device);
    if (known === undefined) {
      known = { boot, clock: new DeviceClock(), lost: 0 };
      if (this.#devices.size >= MAX_DEVICES) this.#devices.delete(this.#devices.keys().next().value as string);
    } else {
      // Moves it to the end: the first of the map is the one longest silent.
      this.#devices.delete(parsed.device);
      if (boot !== undefined && boot !== known.boot) known = { boot, clock: new DeviceClock(), lost: 0 };
    }
    this.#devices.set(parsed.device, known);
    if (parsed.lost !== undefined && parsed.lost > known.lost) {
      this.#framesLost += parsed.lost - known.lost;
      known.lost = parsed.lost;
    }
    return known;
  }
}

/** The device's own id of a message. */
export function identify(message: Message): DeviceId | undefined {
  return deviceId(parse(message), message);
}

function deviceId({ device, frame }: Parsed, { source, packet, topic, payload }: Message): DeviceId | undefined {
  // A frame that came whole and names no device is a dead letter, and known again by its line.
  if (frame) return { kind: 'frame', device: device || source, boot: frame.boot, number: frame.number };
  if (packet === undefined) return undefined;
  // Only compared for the same packet id of the same client on a repeat, so 32 bits and the length are enough.
  const digest = `${crc32(payload, crc32(topic ?? '')).toString(36)}.${payload.length}`;
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
