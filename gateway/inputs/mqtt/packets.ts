import { isUtf8 } from 'node:buffer';

// The packets of MQTT 3.1.1 and 5 as they come off a socket, from devices and from brokers. What a gateway gets thousands of times a second,
// PUBLISH, is read here, because a library that makes objects of everything costs more than all else an input does; the rest is left as bytes.

/** Largest packet taken whole, its header included. */
export const MAX_PACKET = 65_536;

export const CONNECT = 1;
export const CONNACK = 2;
export const PUBLISH = 3;
export const PUBREL = 6;
export const SUBSCRIBE = 8;
export const DISCONNECT = 14;
export const AUTH = 15;

/** The first bytes of what acknowledges a message. */
export const PUBACK = 0x40;
export const PUBREC = 0x50;
export const PUBCOMP = 0x70;

/** Why a connection has to end. */
export class PacketError extends Error {
  readonly code: 'PACKET_TOO_LARGE' | 'PACKET_MALFORMED';

  constructor(code: PacketError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** Cuts a stream of bytes into packets. Holds less than one packet, or what it gives out of one, and one chunk. */
export class PacketReader {
  /** The packet found last, or found to be broken: its first byte, and where it, its body and its end lie in `bytes`. */
  head = 0;
  start = 0;
  body = 0;
  end = 0;
  bytes: Buffer = NOTHING;
  /** Its size as it was sent: more than what lies here where only its beginning is given out. */
  size = 0;
  readonly #cutAt: number | undefined;
  /** Bytes still to come of a packet that was given out without its end. */
  #skip = 0;

  /** Packets larger than `MAX_PACKET` are refused; with `cutAt`, of those larger than so many bytes that much of the beginning is given out. */
  constructor(cutAt?: number) {
    this.#cutAt = cutAt;
  }

  push(chunk: Buffer): void {
    this.bytes = this.end === this.bytes.length ? chunk : Buffer.concat([this.bytes.subarray(this.end), chunk]);
    this.end = 0;
  }

  /** Bytes not given out as packets yet. */
  get left(): number {
    return this.bytes.length - this.end;
  }

  /** Moves on to the next packet; false when it is not complete yet. @throws PacketError */
  next(): boolean {
    const { bytes } = this;
    if (this.#skip > 0) {
      const skipped = Math.min(this.#skip, bytes.length - this.end);
      this.#skip -= skipped;
      this.end += skipped;
    }
    this.start = this.end;
    let at = this.start + 1;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      if (at >= bytes.length) {
        this.#forgetIfEmpty();
        return false;
      }
      const byte = bytes[at++]!;
      length += (byte & 127) * 2 ** shift;
      if (byte < 128) break;
      if (shift === 21) throw new PacketError('PACKET_MALFORMED', 'a packet’s length has more than four bytes');
    }
    const size = at + length - this.start;
    if (this.#cutAt === undefined && size > MAX_PACKET) {
      throw new PacketError('PACKET_TOO_LARGE', `a packet of ${size} bytes; at most ${MAX_PACKET} are taken`);
    }
    const held = this.#cutAt === undefined ? size : Math.min(size, this.#cutAt);
    const end = this.start + held;
    if (end > bytes.length) return false;
    this.size = size;
    this.#skip = size - held;
    this.head = bytes[this.start]!;
    this.body = at;
    this.end = end;
    return true;
  }

  /** Does not keep a chunk of which everything was given out. */
  #forgetIfEmpty(): void {
    if (this.end !== this.bytes.length) return;
    this.bytes = NOTHING;
    this.end = 0;
  }
}

export interface Publish {
  readonly topic: string;
  /** Shares memory with the chunk it came in. */
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  /** 0 with QoS 0. */
  readonly packetId: number;
  readonly dup: boolean;
  readonly retain: boolean;
}

/** Reads the packet that `reader` found last; of one without its end, the beginning of its payload. @throws PacketError */
export function readPublish({ bytes, head, start, body, end, size }: PacketReader, version: 4 | 5 = 4): Publish {
  const qos = (head >> 1) & 3;
  if (qos === 3) throw malformed('a PUBLISH with QoS 3');
  const topicAt = body + 2;
  const topicEnd = topicAt + (body + 1 < end ? bytes.readUInt16BE(body) : 0);
  let payloadAt = qos === 0 ? topicEnd : topicEnd + 2;
  if (payloadAt > end || topicAt > end) throw malformed('a PUBLISH that ends before its topic');
  const packetId = qos === 0 ? 0 : bytes.readUInt16BE(topicEnd);
  if (qos !== 0 && packetId === 0) throw malformed('a PUBLISH with packet id 0');
  if (version === 5) {
    payloadAt = endOfProperties(bytes, payloadAt, end);
    if (payloadAt > start + size) throw malformed('a PUBLISH whose properties are longer than it');
  }
  return {
    topic: bytes.toString('utf8', topicAt, topicEnd),
    payload: bytes.subarray(Math.min(payloadAt, end), end),
    qos: qos as 0 | 1 | 2,
    packetId,
    dup: (head & 8) !== 0,
    retain: (head & 1) !== 0,
  };
}

/** Refuses what cannot be the topic of a message, in the packet that `reader` found last. @throws PacketError */
export function checkTopic({ bytes, body }: PacketReader, topic: string): void {
  if (topic.includes('\ufffd') && !isUtf8(bytes.subarray(body + 2, body + 2 + bytes.readUInt16BE(body)))) {
    throw malformed('a topic that is not UTF-8');
  }
  if (topic.includes('\0')) throw malformed('a topic with a null character');
}

/** The packet id of the PUBREL that `reader` found last. @throws PacketError */
export function readPubrel({ bytes, head, body, end }: PacketReader, version: 4 | 5 = 4): number {
  const isWhole = version === 4 ? end - body === 2 : end - body >= 2;
  const packetId = isWhole ? bytes.readUInt16BE(body) : 0;
  if (head !== 0x62 || packetId === 0) throw malformed('a PUBREL that is none');
  return packetId;
}

/** An acknowledgement of four bytes: its first one (`PUBACK`, …) and the packet id it is for. */
export function ackOf(firstByte: number, packetId: number): number {
  return ((firstByte << 24) | (2 << 16) | packetId) >>> 0;
}

/** Acknowledgements in the order given, as bytes for the wire. */
export function bytesOfAcks(acks: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(acks.length * 4);
  for (const [at, ack] of acks.entries()) bytes.writeUInt32BE(ack, at * 4);
  return bytes;
}

function endOfProperties(bytes: Buffer, from: number, end: number): number {
  let length = 0;
  for (let at = from, shift = 0; at < end && shift <= 21; at++, shift += 7) {
    const byte = bytes[at]!;
    length += (byte & 127) * 2 ** shift;
    if (byte < 128) return at + 1 + length;
  }
  throw malformed('a PUBLISH that ends before its properties');
}

const malformed = (what: string): PacketError => new PacketError('PACKET_MALFORMED', what);
const NOTHING = Buffer.alloc(0);
