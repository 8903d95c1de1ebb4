import type { Problem } from '../input.ts';
import { cobsDecode, cobsEncode } from './cobs.ts';
import { crc16 } from './crc16.ts';

// The frame of docs/reference/serial-frames.md: version and type (1 byte), boot id (4), number (4), payload, CRC-16 (2), boot id and number with
// their highest byte first and the CRC with its lowest; written in COBS, between two zeros.

export interface Frame {
  readonly type: 'reading' | 'acknowledgement';
  /** 8 hex digits, never the same for two power-ups of a device. */
  readonly boot: string;
  /** From 1 at each power-up. */
  readonly number: number;
  /** JSON of a reading; nothing in an acknowledgement. */
  readonly payload: Buffer;
}

/** Version 1 in the high four bits. */
const TYPES = { reading: 0x11, acknowledgement: 0x12 } as const;
const HEAD_BYTES = 9;
const CRC_BYTES = 2;

/** The frame as it goes over the wire. The zero before it keeps noise on an idle line apart from it. */
export function encodeFrame({ type, boot, number, payload }: Frame): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + payload.length + CRC_BYTES);
  bytes[0] = TYPES[type];
  bytes.write(boot, 1, 4, 'hex');
  bytes.writeUInt32BE(number, 5);
  bytes.set(payload, HEAD_BYTES);
  const end = bytes.length - CRC_BYTES;
  bytes.writeUInt16LE(crc16(bytes.subarray(0, end)), end);
  const zero = Buffer.alloc(1);
  return Buffer.concat([zero, cobsEncode(bytes), zero]);
}

/** The frame in the bytes between two zeros, or what is wrong with them. */
export function decodeFrame(between: Uint8Array): Frame | Problem {
  const bytes = cobsDecode(between);
  if (bytes === undefined) return broken('FRAME_BROKEN', 'bytes are not COBS: noise, or half a frame');
  const end = bytes.length - CRC_BYTES;
  if (end < HEAD_BYTES) {
    return broken('FRAME_BROKEN', `${bytes.length} bytes are too short for a frame: noise, or half a frame`);
  }
  if (crc16(bytes.subarray(0, end)) !== bytes.readUInt16LE(end)) {
    return broken('FRAME_CRC', 'frame fails its checksum: noise on the line, or half a frame');
  }
  const type =
    bytes[0] === TYPES.reading ? 'reading' : bytes[0] === TYPES.acknowledgement ? 'acknowledgement' : undefined;
  if (type === undefined) {
    const known = '0x11 (reading) and 0x12 (acknowledgement)';
    return broken('FRAME_UNKNOWN', `frame's version and type is 0x${bytes[0]!.toString(16)}; known are ${known}`);
  }
  const number = bytes.readUInt32BE(5);
  if (number === 0) return broken('FRAME_INVALID', 'frame has number 0; they begin at 1');
  return { type, boot: bytes.toString('hex', 1, 5), number, payload: bytes.subarray(HEAD_BYTES, end) };
}

const broken = (code: string, reason: string): Problem => ({ code, reason });
