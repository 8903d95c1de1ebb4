import { HeadwaterError } from '../../../contract/index.ts';

/** Largest message taken, its header included; of a larger one the beginning is kept, to say which it was. */
export const MAX_MESSAGE = 65_536;
/** Bytes of a packet that are held: a topic of any length, and a message as large as one may be. */
const MAX_HELD = 2 * MAX_MESSAGE;

const TYPE = { connack: 2, publish: 3, pubrel: 6, auth: 15 } as const;
const ACKS = { puback: 0x40, pubrec: 0x50, pubcomp: 0x70 } as const;
/** The longest a packet's length may be written. */
const MAX_LENGTH_BYTES = 4;

/** A PUBLISH as it came. `payload` is a view of what was received. */
export interface Publish {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly dup: boolean;
  /** 0 where `qos` is. */
  readonly packetId: number;
  /** Bytes of the packet on the wire; beyond `MAX_MESSAGE` the payload is not all there. */
  readonly size: number;
}

export interface PacketHandlers {
  publish(packet: Publish): void;
  /** The sender's last word on a message of QoS 2. */
  pubrel(packetId: number): void;
  /** Code of the broker's answer to CONNECT. */
  connack(code: number): void;
  /** A whole packet of any other type, and CONNACK. */
  other(bytes: Buffer): void;
}

/**
 * Takes the stream of a broker apart (MQTT 3.1.1 section 2.2, MQTT 5 section 2.1): messages by itself, because a library that parses all into
 * objects costs more than everything else the input does; what is rare it leaves as bytes. Holds at most 128 KiB of one packet.
 */
export class PacketReader {
  readonly #handlers: PacketHandlers;
  readonly #version: 4 | 5;
  /** Beginning of a packet whose end has not come. */
  #rest: Buffer = Buffer.alloc(0);
  /** Bytes still to come of a packet that was handed on without its end. */
  #skip = 0;
  #begun = false;

  constructor(version: 4 | 5, handlers: PacketHandlers) {
    this.#version = version;
    this.#handlers = handlers;
  }

  /** @throws HeadwaterError `MQTT_MALFORMED`, after which nothing more can be read */
  read(chunk: Buffer): void {
    if (!this.#begun) this.#begin(chunk);
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const skipped = Math.min(this.#skip, bytes.length);
    this.#skip -= skipped;
    bytes = bytes.subarray(skipped);
    for (;;) {
      const head = readLength(bytes, 1);
      if (head === undefined) break;
      const size = head.end + head.value;
      const held = Math.min(size, MAX_HELD);
      if (bytes.length < held) break;
      this.#take(bytes.subarray(0, held), head.end, size);
      this.#skip = Math.max(0, size - bytes.length);
      bytes = bytes.subarray(Math.min(size, bytes.length));
    }
    this.#rest = bytes;
  }

  /** Something else than a broker would otherwise be waited for to end its first packet. */
  #begin(chunk: Buffer): void {
    const type = chunk[0]! >> 4;
    if (type !== TYPE.connack && type !== TYPE.auth) throw malformed('it does not begin as a broker does');
    this.#begun = true;
  }

  #take(bytes: Buffer, from: number, size: number): void {
    const type = bytes[0]! >> 4;
    if (type === TYPE.publish) {
      this.#handlers.publish(readPublish(bytes, from, size, this.#version));
      return;
    }
    if (size > bytes.length) throw malformed(`a packet of type ${type} has ${size} bytes`);
    if (type === TYPE.pubrel) {
      this.#handlers.pubrel(packetIdAt(bytes, from));
      return;
    }
    if (type === TYPE.connack) this.#handlers.connack(bytes[from + 1] ?? 0);
    this.#handlers.other(bytes);
  }
}

function readPublish(bytes: Buffer, from: number, size: number, version: 4 | 5): Publish {
  const flags = bytes[0]!;
  const qos = (flags >> 1) & 3;
  if (qos === 3) throw malformed('a message has QoS 3');
  if (from + 2 > bytes.length) throw malformed('a message ends before its topic');
  const topicEnd = from + 2 + bytes.readUInt16BE(from);
  if (topicEnd > bytes.length) throw malformed('the topic of a message is longer than the message');
  const topic = bytes.toString('utf8', from + 2, topicEnd);
  if (topic === '') throw malformed('a message has no topic');
  const packetId = qos === 0 ? 0 : packetIdAt(bytes, topicEnd);
  let payloadAt = qos === 0 ? topicEnd : topicEnd + 2;
  if (version === 5) {
    const properties = readLength(bytes, payloadAt);
    if (properties === undefined) throw malformed('a message ends before its properties');
    payloadAt = properties.end + properties.value;
    if (payloadAt > size) throw malformed('the properties of a message are longer than the message');
  }
  const [retain, dup] = [(flags & 1) === 1, (flags & 8) === 8];
  return { topic, payload: bytes.subarray(payloadAt), qos: qos as 0 | 1 | 2, retain, dup, packetId, size };
}

/** A number of one to four bytes, seven bits each, the lowest first; undefined while its end has not come. */
function readLength(bytes: Buffer, at: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let i = 0; i < MAX_LENGTH_BYTES; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) return undefined;
    value += (byte & 127) * 128 ** i;
    if (byte < 128) return { value, end: at + i + 1 };
  }
  throw malformed('a length has more than four bytes');
}

function packetIdAt(bytes: Buffer, at: number): number {
  const packetId = at + 2 <= bytes.length ? bytes.readUInt16BE(at) : 0;
  if (packetId === 0) throw malformed('a packet that must have an id has none');
  return packetId;
}

const malformed = (what: string): HeadwaterError =>
  new HeadwaterError('MQTT_MALFORMED', `the broker does not speak MQTT as it should: ${what}`, { retryable: true });

/** Acknowledgements in the order given, as bytes for the wire. */
export function acknowledgements(acks: readonly Ack[]): Buffer {
  const bytes = Buffer.allocUnsafe(acks.length * 4);
  for (const [i, { kind, packetId }] of acks.entries()) {
    bytes[i * 4] = ACKS[kind];
    bytes[i * 4 + 1] = 2;
    bytes.writeUInt16BE(packetId, i * 4 + 2);
  }
  return bytes;
}

export interface Ack {
  readonly kind: keyof typeof ACKS;
  readonly packetId: number;
}
