import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { HeadwaterError } from '../contract/index.ts';
import type { IncomingRecord } from './types.ts';

/** Where the fields of a record batch (magic 2) lie, in bytes; the length counts from behind itself. */
const AT = {
  baseOffset: 0,
  length: 8,
  magic: 16,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  count: 57,
  records: 61,
} as const;
const LOG_APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
/** Room for what does not say how large it is: large enough for most batches, as what is decompressed into several pieces is copied once more. */
const DECOMPRESSED_CHUNK = 256 * 1_024;
/** More room than this is not made on the word of a batch alone. */
const LARGEST_CHUNK = 4 * 1_048_576;
const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});

/**
 * A record batch as it was fetched, still compressed: to kafkajs, which is to see no single records, it is one message. Its records are made when it
 * is their turn, so that a fetch takes no more memory than its bytes.
 */
export class FetchedBatch {
  readonly #bytes: Buffer;
  /** Of its last record, deleted or not; kafkajs goes on after it. */
  readonly offset: string;
  /** How many records it has. */
  readonly count: number;
  /** Whether readers are not to see it. */
  isControlRecord: boolean;
  readonly batchContext: {
    readonly producerId: string;
    readonly inTransaction: boolean;
    readonly isControlBatch: boolean;
  };

  /** @param bytes of the whole batch @throws HeadwaterError `KAFKA_FORMAT_UNKNOWN` */
  constructor(bytes: Buffer) {
    const magic = bytes.readInt8(AT.magic);
    if (magic !== 2) throw unknown(`record batches of version ${magic}`);
    const attributes = bytes.readInt16BE(AT.attributes);
    const isControlBatch = (attributes & CONTROL) !== 0;
    this.#bytes = bytes;
    this.offset = String(readInt64(bytes, AT.baseOffset) + bytes.readInt32BE(AT.lastOffsetDelta));
    this.count = bytes.readInt32BE(AT.count);
    // Compaction leaves a batch without records where it was its producer's last.
    this.isControlRecord = isControlBatch || this.count === 0;
    this.batchContext = {
      producerId: String(bytes.readBigInt64BE(AT.producerId)),
      inTransaction: (attributes & TRANSACTIONAL) !== 0,
      isControlBatch,
    };
  }

  /** Of a control batch: its version, then what it says. */
  get key(): Buffer | null {
    if (!this.batchContext.isControlBatch || this.count === 0) return null;
    // Length, attributes, both deltas and the key's length take a byte each.
    return this.#bytes.subarray(AT.records + 5, AT.records + 9);
  }

  /** Adds its records from offset `from` on to `records`. @throws HeadwaterError `KAFKA_FORMAT_UNKNOWN` */
  readInto(records: IncomingRecord[], partition: number, from: number): void {
    const header = this.#bytes;
    const attributes = header.readInt16BE(AT.attributes);
    const baseOffset = readInt64(header, AT.baseOffset);
    const appended = (attributes & LOG_APPEND_TIME) !== 0;
    const baseTimestamp = readInt64(header, appended ? AT.maxTimestamp : AT.baseTimestamp);
    const bytes = decompress(header.subarray(AT.records), attributes & 0x07);
    const reader = new VarInts(bytes);
    for (let left = this.count; left > 0; left--) {
      const length = reader.next();
      const end = reader.at + length;
      reader.at++;
      const sinceBase = reader.next();
      const offset = baseOffset + reader.next();
      if (offset < from) {
        reader.at = end;
        continue;
      }
      const key = reader.text();
      const value = reader.bytes();
      const headers = readHeaders(reader);
      reader.at = end;
      records.push({
        key,
        value,
        headers,
        partition,
        offset,
        appendedAt: appended ? baseTimestamp : baseTimestamp + sinceBase,
      });
    }
  }
}

/** The whole record batches of what a fetch gave for a partition; the last one may have been cut off. */
export function batchesOf(bytes: Buffer): FetchedBatch[] {
  const batches: FetchedBatch[] = [];
  for (let at = 0; at + AT.records <= bytes.length; ) {
    const end = at + AT.length + 4 + bytes.readInt32BE(at + AT.length);
    if (end > bytes.length) break;
    batches.push(new FetchedBatch(bytes.subarray(at, end)));
    at = end;
  }
  return batches;
}

function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4);
}

function decompress(bytes: Buffer, codec: number): Buffer {
  switch (codec) {
    case 0:
      return bytes;
    case 1:
      return gunzipSync(bytes, { chunkSize: DECOMPRESSED_CHUNK });
    case 4:
      return zstdDecompressSync(bytes, { chunkSize: roomFor(bytes) });
    default:
      throw unknown(`compression ${codec === 2 ? 'snappy' : codec === 3 ? 'lz4' : codec}`);
  }
}

/**
 * How large a buffer to decompress a zstd frame into: as large as its header says, and one more, by which it shows that there is no more to come. Larger
 * ones would stay as long as the records in them.
 */
function roomFor(frame: Buffer): number {
  // RFC 8878, 3.1.1: magic number, descriptor, window unless it is a single segment, dictionary id, size.
  const descriptor = frame[4]!;
  const at = 5 + ((descriptor & 0x20) === 0 ? 1 : 0) + [0, 1, 2, 4][descriptor & 3]!;
  const bytes = [(descriptor & 0x20) === 0 ? 0 : 1, 2, 4, 8][descriptor >> 6]!;
  if (bytes === 0 || bytes === 8 || at + bytes > frame.length) return DECOMPRESSED_CHUNK;
  const size = frame.readUIntLE(at, bytes) + (bytes === 2 ? 256 : 0);
  return Math.min(Math.max(size + 1, 64), LARGEST_CHUNK);
}

function unknown(what: string): HeadwaterError {
  return new HeadwaterError(
    'KAFKA_FORMAT_UNKNOWN',
    `a topic holds ${what}, which Headwater cannot read; have its producer write zstd, gzip or nothing compressed, in the present format`,
  );
}

function readHeaders(reader: VarInts): Readonly<Record<string, string>> {
  const count = reader.next();
  if (count <= 0) return NO_HEADERS;
  const headers: Record<string, string> = {};
  for (let i = 0; i < count; i++) {
    const name = reader.text()!;
    const value = reader.text() ?? '';
    // The one name that cannot be given a value like any other.
    if (name === '__proto__') Object.defineProperty(headers, name, { value, enumerable: true });
    else headers[name] = value;
  }
  return headers;
}

/** Reads the numbers that a record is made of: seven bits to a byte, the least first, and the sign in the lowest bit. */
class VarInts {
  readonly #bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  next(): number {
    const bytes = this.#bytes;
    let byte = bytes[this.at++]!;
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    // Times may need more than the 32 bits that shifting has.
    let value = byte & 0x7f;
    let weight = 0x80;
    do {
      byte = bytes[this.at++]!;
      value += (byte & 0x7f) * weight;
      weight *= 0x80;
    } while (byte >= 0x80);
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  text(): string | null {
    const length = this.next();
    if (length < 0) return null;
    this.at += length;
    return this.#bytes.toString('utf8', this.at - length, this.at);
  }

  bytes(): Buffer | null {
    const length = this.next();
    if (length < 0) return null;
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }
}
