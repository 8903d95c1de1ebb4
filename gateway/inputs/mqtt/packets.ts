import { isUtf8 } from 'node:buffer';

// The frames of MQTT 3.1.1 as they come off a socket. What a gateway gets thousands of times a second, PUBLISH, is read here; the rest is the
// broker's.

/** Largest packet taken, its header included. */
export const MAX_PACKET = 65_536;

export const CONNECT = 1;
export const PUBLISH = 3;
export const PUBREL = 6;
export const DISCONNECT = 14;

/** Why a connection has to end. */
export class PacketError extends Error {
  readonly code: 'PACKET_TOO_LARGE' | 'PACKET_MALFORMED';

  constructor(code: PacketError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** Cuts a stream of bytes into packets. Holds less than one packet and one chunk. */
export class PacketReader {
  /** The packet found last, or found to be broken: its first byte, and where it, its body and its end lie in `bytes`. */
  head = 0;
  start = 0;
  body = 0;
  end = 0;
  bytes: Buffer = NOTHING;

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
    const end = at + length;
    if (end - this.start > MAX_PACKET) {
      throw new PacketError(
        'PACKET_TOO_LARGE',
        `a packet of ${end - this.start} bytes; at most ${MAX_PACKET} are taken`,
      );
    }
    if (end > bytes.length) return false;
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

/** Reads the packet that `reader` found last. @throws PacketError */
export function readPublish({ bytes, head, body, end }: PacketReader): Publish {
  const qos = (head >> 1) & 3;
  if (qos === 3) throw malformed('a PUBLISH with QoS 3');
  const topicAt = body + 2;
  const topicEnd = topicAt + (body + 1 < end ? bytes.readUInt16BE(body) : 0);
  const payloadAt = qos === 0 ? topicEnd : topicEnd + 2;
  if (payloadAt > end || topicAt > end) throw malformed('a PUBLISH that ends before its topic');
  const topic = bytes.toString('utf8', topicAt, topicEnd);
  if (topic.includes('\ufffd') && !isUtf8(bytes.subarray(topicAt, topicEnd))) {
    throw malformed('a topic that is not UTF-8');
  }
  if (topic.includes('\0')) throw malformed('a topic with a null character');
  const packetId = qos === 0 ? 0 : bytes.readUInt16BE(topicEnd);
  if (qos !== 0 && packetId === 0) throw malformed('a PUBLISH with packet id 0');
  return {
    topic,
    payload: bytes.subarray(payloadAt, end),
    qos: qos as 0 | 1 | 2,
    packetId,
    dup: (head & 8) !== 0,
    retain: (head & 1) !== 0,
  };
}

/** The packet id of the PUBREL that `reader` found last. @throws PacketError */
export function readPubrel({ bytes, head, body, end }: PacketReader): number {
  if (head !== 0x62 || end - body !== 2) throw malformed('a PUBREL that is none');
  return bytes.readUInt16BE(body);
}

const malformed = (what: string): PacketError => new PacketError('PACKET_MALFORMED', what);
const NOTHING = Buffer.alloc(0);
