import { crc32c } from './crc32c.ts';
import type { OutgoingRecord } from './types.ts';

/**
 * What Kafka calls a record batch of magic 2: https://kafka.apache.org/documentation/#recordbatch. A header of fixed size, then for each record, each
 * number in as few bytes as it needs: length, attributes, time after the batch's, place in the batch, key, value, headers.
 */
export interface BatchHead {
  /** Of the codec, 0 without one. */
  readonly compression: number;
  readonly transactional: boolean;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** Number of the first record among all that this producer has sent to the partition. */
  readonly firstSequence: number;
  /** Ms since the epoch, for all records. */
  readonly timestamp: number;
}

export type Compress = (bytes: Buffer) => Promise<Buffer>;

const HEAD_BYTES = 61;
/** Batch length counts from behind itself, the checksum from the attributes on. */
const LENGTH_FROM = 12;
const CHECKED_FROM = 21;
const MAGIC = 2;
const TRANSACTIONAL = 16;
/** Calling into native code costs more than to write so few characters here. */
const SHORT_TEXT = 48;

/** Encodes records, of which there must be some, as one batch; the broker fills in the first offset. */
export async function encodeBatch(
  records: readonly OutgoingRecord[],
  head: BatchHead,
  compress?: Compress,
): Promise<Buffer> {
  if (!compress) {
    const batch = encodeRecords(records, HEAD_BYTES);
    writeHead(batch, records.length, head);
    return batch;
  }
  const body = await compress(encodeRecords(records, 0));
  const batch = Buffer.allocUnsafeSlow(HEAD_BYTES + body.length);
  batch.set(body, HEAD_BYTES);
  writeHead(batch, records.length, head);
  return batch;
}

function writeHead(batch: Buffer, records: number, head: BatchHead): void {
  const timestamp = BigInt(head.timestamp);
  batch.writeBigInt64BE(0n, 0);
  batch.writeInt32BE(batch.length - LENGTH_FROM, 8);
  batch.writeInt32BE(0, 12);
  batch.writeInt8(MAGIC, 16);
  batch.writeInt16BE(head.compression | (head.transactional ? TRANSACTIONAL : 0), CHECKED_FROM);
  batch.writeInt32BE(records - 1, 23);
  batch.writeBigInt64BE(timestamp, 27);
  batch.writeBigInt64BE(timestamp, 35);
  batch.writeBigInt64BE(head.producerId, 43);
  batch.writeInt16BE(head.producerEpoch, 51);
  batch.writeInt32BE(head.firstSequence, 53);
  batch.writeInt32BE(records, 57);
  batch.writeUInt32BE(crc32c(batch, CHECKED_FROM), 17);
}

/** Gives a buffer that holds the records from `start` on, and nothing after them: sizes are counted first, so nothing is ever moved. */
function encodeRecords(records: readonly OutgoingRecord[], start: number): Buffer {
  const sizes = new Int32Array(records.length);
  let total = start;
  for (let i = 0; i < records.length; i++) {
    const size = sizeOf(records[i]!, i);
    sizes[i] = size;
    total += sizeOfInt(size) + size;
  }
  const bytes = Buffer.allocUnsafeSlow(total);
  let at = start;
  for (let i = 0; i < records.length; i++) {
    at = writeInt(bytes, at, sizes[i]!);
    at = writeRecord(bytes, at, records[i]!, i);
  }
  return bytes;
}

/** Without its length. Attributes and the time after the batch's are 0, in a byte each. */
function sizeOf({ key, value, headers }: OutgoingRecord, offset: number): number {
  let size = 2 + sizeOfInt(offset) + sizeOfBytes(key) + sizeOfBytes(value);
  let count = 0;
  for (const name in headers) {
    size += sizeOfBytes(name) + sizeOfBytes(headers[name]!);
    count++;
  }
  return size + sizeOfInt(count);
}

function writeRecord(bytes: Buffer, start: number, { key, value, headers }: OutgoingRecord, offset: number): number {
  bytes[start] = 0;
  bytes[start + 1] = 0;
  let at = writeInt(bytes, start + 2, offset);
  at = writeBytes(bytes, at, key);
  at = writeBytes(bytes, at, value);
  let count = 0;
  for (const _ in headers) count++;
  at = writeInt(bytes, at, count);
  for (const name in headers) {
    at = writeBytes(bytes, at, name);
    at = writeBytes(bytes, at, headers[name]!);
  }
  return at;
}

const lengthOf = (value: string | Buffer): number =>
  typeof value === 'string' ? Buffer.byteLength(value) : value.length;

function sizeOfBytes(value: string | Buffer | null): number {
  if (value === null) return 1;
  const length = lengthOf(value);
  return sizeOfInt(length) + length;
}

function writeBytes(bytes: Buffer, start: number, value: string | Buffer | null): number {
  if (value === null) return writeInt(bytes, start, -1);
  const length = lengthOf(value);
  const at = writeInt(bytes, start, length);
  if (typeof value !== 'string') bytes.set(value, at);
  else if (length === value.length && length < SHORT_TEXT) {
    for (let i = 0; i < length; i++) bytes[at + i] = value.charCodeAt(i);
  } else bytes.write(value, at, length);
  return at + length;
}

/** Small numbers of either sign get small codes: 0, -1, 1, -2, … */
const zigzag = (value: number): number => ((value << 1) ^ (value >> 31)) >>> 0;

function sizeOfInt(value: number): number {
  const code = zigzag(value);
  return code < 0x80 ? 1 : code < 0x4000 ? 2 : code < 0x200000 ? 3 : code < 0x10000000 ? 4 : 5;
}

/** Seven bits in a byte, the lowest first. */
function writeInt(bytes: Buffer, start: number, value: number): number {
  let at = start;
  let code = zigzag(value);
  for (; code > 0x7f; code >>>= 7) bytes[at++] = (code & 0x7f) | 0x80;
  bytes[at++] = code;
  return at;
}
