import { CONTRACT_VERSION, HEADER, type Lane, type Rejected } from '../../contract/index.ts';
import { encodedSize, type OutgoingRecord } from '../../kafka/index.ts';
import type { Buffer as DiskBuffer, Stored } from '../buffer/index.ts';
import type { BatchLimit, Ready } from './batch.ts';

/** One read's size: the buffer's thread does nothing else meanwhile, and devices wait for it. */
const READ = { records: 1000, bytes: 300_000 };
/** What the `backlog` header adds; it is decided at sending. */
const BACKLOG_HEADER_BYTES = 16;
const REJECTED_BYTES = 4096;

/** Reads one lane ahead of what is sent, in order. */
export class LaneReader {
  readonly lane: Lane;
  readonly #buffer: DiskBuffer;
  readonly #gateway: string;
  readonly #clock: () => number;
  /** Highest sequence that Kafka has acknowledged. */
  #acknowledged = 0;
  #read = 0;
  #waiting: Ready[] = [];
  #waitingBytes = 0;
  #replaced: { readonly sequence: number; readonly why: string } | undefined;

  constructor(lane: Lane, buffer: DiskBuffer, gateway: string, clock: () => number) {
    this.lane = lane;
    this.#buffer = buffer;
    this.#gateway = gateway;
    this.#clock = clock;
  }

  get waiting(): readonly Ready[] {
    return this.#waiting;
  }

  /** Whether the buffer holds records of this lane that Kafka has not acknowledged. */
  get isEmpty(): boolean {
    return this.#buffer.last[this.lane] === this.#acknowledged;
  }

  /** Records that the buffer holds and that were not read yet. */
  get unread(): number {
    return this.#buffer.last[this.lane] - this.#read;
  }

  get hasNews(): boolean {
    return this.unread > 0;
  }

  hasBatch({ records, bytes }: BatchLimit): boolean {
    return this.#waiting.length >= records || this.#waitingBytes >= bytes;
  }

  /** Reads until a batch waits or there is no more. */
  async fill(limit: BatchLimit): Promise<void> {
    while (this.hasNews && !this.hasBatch(limit)) {
      const last = this.#buffer.last[this.lane];
      const found = await this.#buffer.peek(this.lane, this.#read, READ);
      if (found.length === 0) this.#read = last;
      for (const stored of found) {
        const ready = this.#prepare(stored);
        this.#waiting.push(ready);
        this.#waitingBytes += ready.bytes;
        this.#read = stored.sequence;
      }
    }
  }

  take(count: number): Ready[] {
    const taken = this.#waiting.splice(0, count);
    for (const { bytes } of taken) this.#waitingBytes -= bytes;
    return taken;
  }

  /** The records up to `sequence` are in Kafka: they leave the buffer. */
  acknowledge(sequence: number): Promise<void> {
    this.#acknowledged = sequence;
    return this.#buffer.release(this.lane, sequence);
  }

  /** There is nothing before the lane's end. */
  startAtEnd(): void {
    this.#acknowledged = this.#buffer.last[this.lane];
    this.#read = this.#acknowledged;
  }

  /** Reads again from the first record that was not acknowledged. */
  rewind(): void {
    this.#read = this.#acknowledged;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  /**
   * Kafka does not take this record even alone: a `rejected` record goes in its place. False where Kafka has refused that too, which cannot be the
   * record's fault; the record itself is next then.
   */
  replace(sequence: number, why: string): boolean {
    const again = this.#replaced?.sequence === sequence;
    this.#replaced = again ? undefined : { sequence, why };
    return !again;
  }

  #prepare(stored: Stored): Ready {
    const { sequence, identity, kind, value } =
      stored.sequence === this.#replaced?.sequence ? this.#rejected(stored, this.#replaced.why) : stored;
    const headers: Record<string, string> = {
      [HEADER.identity]: identity,
      [HEADER.version]: CONTRACT_VERSION,
    };
    if (kind !== 'reading') headers[HEADER.kind] = kind;
    const record: OutgoingRecord = { key: this.#gateway, value, headers };
    return { sequence, record, bytes: encodedSize(record) + BACKLOG_HEADER_BYTES };
  }

  #rejected({ sequence, identity, value, lane }: Stored, why: string): Stored {
    const bytes = Buffer.from(value);
    const rejected: Rejected = {
      origin: 'forwarder',
      code: why.endsWith('TOO_LARGE') ? 'RECORD_TOO_LARGE' : 'RECORD_REFUSED',
      reason: `Kafka refuses a record of ${bytes.length} bytes (lane ${lane}, sequence ${sequence}) with ${why}; its beginning is kept here`,
      bytes: bytes.subarray(0, REJECTED_BYTES).toString('base64'),
      receivedAt: this.#clock(),
    };
    return { lane, sequence, identity, kind: 'rejected', value: JSON.stringify(rejected) };
  }
}
