import type { HeadwaterError, Lane, RawKind } from '../../contract/index.ts';

/** One record of a device's message, encoded as it will be forwarded. */
export interface Entry {
  readonly kind: Exclude<RawKind, 'evicted'>;
  readonly alarm: boolean;
  /** JSON of a `Reading` or a `Rejected` of the contract. */
  readonly value: string;
  /** Event time in ms since the epoch, for the buffer's age and the backlog's oldest reading. */
  readonly ts: number;
}

/**
 * A device's own id of its message, by which its repeats are known: boot id and frame number; the packet id of an MQTT message of QoS 1 (which
 * only means something on a message flagged DUP, and only together with the payload's digest); or that of one of QoS 2, by which the message is
 * known until it is forgotten (see `Submission.forget`). See repeats.ts for what is forgotten when.
 */
export type DeviceId =
  | { readonly kind: 'frame'; readonly device: string; readonly boot: string; readonly number: number }
  | {
      readonly kind: 'packet';
      readonly client: string;
      readonly packetId: number;
      readonly dup: boolean;
      /** Of topic and payload: a whole number below 2 ** 48. */
      readonly digest: number;
    }
  | { readonly kind: 'inbound'; readonly client: string; readonly packetId: number };

/** An MQTT client released a QoS 2 message (PUBREL): its id may mean a new one from now on. Without `packetId`, all of the client's: a clean session. */
export interface Forget {
  readonly client: string;
  readonly packetId?: number;
}

/**
 * One device message: all its entries and the memory of its id are stored in one commit, or none is. `forget` is done first, in the same commit
 * and in the order of submission; alone (no entries, no id) it is never refused for want of room.
 */
export interface Submission {
  readonly entries: readonly Entry[];
  readonly id?: DeviceId;
  readonly forget?: Forget;
}

/** `stored` and `duplicate` may be acknowledged to the device; `refused` (the buffer is full) must not be. */
export type Outcome = 'stored' | 'duplicate' | 'refused';

/** A stored record on its way to Kafka. */
export interface Stored {
  readonly lane: Lane;
  /** Its place in the lane of this buffer, for `peek` and `release`. */
  readonly sequence: number;
  /** By which the hub knows it. Its number there is another than `sequence` after the buffer was replaced. */
  readonly identity: string;
  readonly kind: RawKind;
  readonly value: string;
}

export interface BufferStatus {
  /** That of new records. */
  readonly incarnation: string;
  /** Records waiting: readings, rejected messages and announcements of evictions. */
  readonly readings: number;
  /** Bytes on disk, the journal included. */
  readonly bytes: number;
  readonly oldestTs: number | null;
  /** Records waiting in each lane. */
  readonly lanes: Readonly<Record<Lane, number>>;
  /** Since the incarnation began; all but `duplicates` and `refused` in readings: acknowledged = forwarded + evicted + those waiting. */
  readonly counts: {
    readonly acknowledged: number;
    readonly forwarded: number;
    readonly rejected: number;
    readonly duplicates: number;
    readonly evicted: number;
    /** Submissions refused because the buffer was full or the disk failed. */
    readonly refused: number;
  };
  /** Why submissions are being refused now; null while they are not. */
  readonly problem: string | null;
}

export interface BufferOptions {
  /** Folder of the database, made if it is missing. */
  readonly dir: string;
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  readonly whenFull: 'reject-new' | 'drop-oldest';
  /** New readings go to the backlog lane while the live lane's oldest unsent one is older than this. */
  readonly liveWithinMs: number;
}

/** The gateway's disk. Works in a thread of its own; nothing here blocks the caller. */
export interface Buffer {
  readonly incarnation: string;
  /** What opening had to repair, for the log; null where nothing was wrong. */
  readonly recovered: string | null;
  /** Highest sequence synced in each lane, 0 where there was none. Moves with each commit, so a reader need not ask when there is nothing new. */
  readonly last: Readonly<Record<Lane, number>>;
  /** Calls back after each commit that stored records, until the returned function is called. */
  onStored(listener: () => void): () => void;
  /**
   * Calls back with true when what is submitted is gathered for a while, so that nobody needs to take it off the wire meanwhile, and with false when
   * it is wanted, until the returned function is called. What is submitted all the same is taken as ever.
   */
  onRest(listener: (resting: boolean) => void): () => void;
  /** Resolves when the buffer can serve no more (database damaged at run time, thread died): open it again, which repairs it. */
  readonly failed: Promise<HeadwaterError>;
  /** Settles only after the commit that holds the submission (or the memory of its first copy) is synced to disk. */
  submit(submission: Submission): PromiseLike<Outcome>;
  /**
   * The next unsent records of one lane after `after` (exclusive), in order, at least one if there is one; leaves them in the buffer. What was
   * handed out is not evicted any more, so that Kafka and the buffer never tell different stories about it.
   */
  peek(lane: Lane, after: number, limit: { readonly records: number; readonly bytes: number }): Promise<Stored[]>;
  /** Kafka has everything of `lane` up to and including `sequence`: it leaves the buffer. */
  release(lane: Lane, sequence: number): Promise<void>;
  status(): Promise<BufferStatus>;
  close(): Promise<void>;
}
