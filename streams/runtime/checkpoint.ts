/**
 * The checkpoint of a task is a log of frames in its partition of the state topic:
 *
 * - Every commit of the task appends a delta: what changed, and the input offsets to go on from.
 * - When the deltas since the last snapshot outweigh it, the following commits also carry pieces of a snapshot, before their delta. It may take
 *   many commits, so that none is large, and the task goes on meanwhile: each piece shows its entries as they are after the delta of its commit.
 * - Reading, a piece never replaces an entry that a delta since the snapshot's first piece has touched. So over a log that reaches back before the
 *   snapshot its pieces change nothing, complete or not; and once it is complete, a log that begins with its first piece gives the same state.
 *   Only then may what lies before it be deleted.
 * - Frames are numbered without holes over all owners: a log that lost something is noticed, not half read.
 */
import { HeadwaterError } from '../../contract/index.ts';
import type { StateChange, Task } from '../core/index.ts';
import { type EncodedChange, encodeFrame, type FrameReader, type FrameRecord } from './frames.ts';

export interface CheckpointLimits {
  /** A snapshot is taken when the deltas since the last are larger than this… */
  readonly snapshotMinBytes: number;
  /** …and than this many times the last snapshot. */
  readonly snapshotRatio: number;
  /** Bytes of a snapshot that one commit carries. */
  readonly snapshotBytesPerCommit: number;
}

export const CHECKPOINT_LIMITS: CheckpointLimits = {
  snapshotMinBytes: 4 * 1_048_576,
  snapshotRatio: 4,
  snapshotBytesPerCommit: 1_048_576,
};

/** Input offsets by topic. */
export type Offsets = Readonly<Record<string, number>>;

/** What a state log says, read to its end. */
export interface Checkpoint {
  readonly entries: ReadonlyMap<string, unknown>;
  /** Undefined where no commit was ever made. */
  readonly offsets: Offsets | undefined;
  /** Number of the last frame. */
  readonly seq: number;
  readonly snapshotBytes: number;
  readonly bytesSinceSnapshot: number;
}

/** The entries of a checkpoint, for `Task.restore`. */
export function* changesOf(entries: Checkpoint['entries']): Iterable<StateChange> {
  for (const [key, value] of entries) yield { key, value };
}

/** Writes the checkpoints of one owner, going on from what it has read. After a failed commit it is of no more use. */
export class CheckpointWriter {
  readonly #task: Pick<Task, 'takeChanges' | 'snapshot'>;
  readonly #fingerprint: string;
  readonly #limits: CheckpointLimits;
  #seq: number;
  #snapshotBytes: number;
  #bytesSinceSnapshot: number;
  #snapshot: Iterator<StateChange> | undefined;
  #snapshotWritten = 0;

  constructor(
    task: Pick<Task, 'takeChanges' | 'snapshot'>,
    fingerprint: string,
    from: Pick<Checkpoint, 'seq' | 'snapshotBytes' | 'bytesSinceSnapshot'>,
    limits: CheckpointLimits = CHECKPOINT_LIMITS,
  ) {
    this.#task = task;
    this.#fingerprint = fingerprint;
    this.#limits = limits;
    this.#seq = from.seq;
    this.#snapshotBytes = from.snapshotBytes;
    this.#bytesSinceSnapshot = from.bytesSinceSnapshot;
  }

  /** What a start would read, about: the last snapshot, and the deltas since it began. */
  get logBytes(): number {
    return this.#snapshotBytes + this.#bytesSinceSnapshot;
  }

  /** True when a snapshot should begin: the log can be cut at its present end once that snapshot is complete. */
  get snapshotDue(): boolean {
    const { snapshotMinBytes, snapshotRatio } = this.#limits;
    const enough = Math.max(snapshotMinBytes, snapshotRatio * this.#snapshotBytes);
    return this.#snapshot === undefined && this.#bytesSinceSnapshot > enough;
  }

  beginSnapshot(): void {
    this.#snapshot = this.#task.snapshot()[Symbol.iterator]();
    this.#snapshotWritten = 0;
    this.#bytesSinceSnapshot = 0;
  }

  /** The records of the next commit: all belong into one transaction. `snapshotComplete` when the last piece of one is among them. */
  collect(offsets: Offsets): { records: FrameRecord[]; snapshotComplete: boolean } {
    // The changes are taken before the snapshot moves on: what its entries show is then in this commit's delta or in an earlier one.
    const delta = encodeFrame({
      kind: 'delta',
      seq: this.#seq + (this.#snapshot === undefined ? 1 : 2),
      fingerprint: this.#fingerprint,
      offsets,
      changes: encodeChanges(this.#task.takeChanges()),
    });
    const { records, snapshotComplete } = this.#snapshotPiece();
    this.#seq++;
    this.#bytesSinceSnapshot += sizeOf(delta);
    return { records: [...records, ...delta], snapshotComplete };
  }

  #snapshotPiece(): { records: FrameRecord[]; snapshotComplete: boolean } {
    if (this.#snapshot === undefined) return { records: [], snapshotComplete: false };
    const first = this.#snapshotWritten === 0;
    const changes: EncodedChange[] = [];
    let bytes = 0;
    let next = this.#snapshot.next();
    while (!next.done) {
      const change = encodeChange(next.value);
      changes.push(change);
      bytes += JSON.stringify(change).length;
      if (bytes >= this.#limits.snapshotBytesPerCommit) break;
      next = this.#snapshot.next();
    }
    const last = next.done === true;
    const records = encodeFrame({ kind: 'snapshot', seq: ++this.#seq, first, last, changes });
    this.#snapshotWritten += sizeOf(records);
    if (last) {
      this.#snapshot = undefined;
      this.#snapshotBytes = this.#snapshotWritten;
    }
    return { records, snapshotComplete: last };
  }
}

/** Reads a state log from its start. */
export class CheckpointReader {
  readonly #frames: FrameReader;
  readonly #log: string;
  readonly #fingerprint: string;
  readonly #entries = new Map<string, unknown>();
  #offsets: Offsets | undefined;
  #seq: number | undefined;
  /** Keys that deltas touched since the first piece of the latest snapshot; undefined when none is under way. */
  #touched: Set<string> | undefined;
  /** Whether the log reaches back to the first frame ever or to a complete snapshot. */
  #whole = true;
  #snapshotBytes = 0;
  #snapshotRead = 0;
  #bytesSinceFirstPiece = 0;
  #bytesSinceSnapshot = 0;

  /** `log` names the state partition in errors. */
  constructor(log: string, fingerprint: string, frames: FrameReader) {
    this.#log = log;
    this.#fingerprint = fingerprint;
    this.#frames = frames;
  }

  /**
   * Takes the next record.
   * @returns the owner's id where it is an open marker
   * @throws HeadwaterError `STATE_DAMAGED`, `STATE_OF_ANOTHER_DEFINITION`
   */
  push(record: Parameters<FrameReader['push']>[0]): string | undefined {
    const read = this.#frames.push(record);
    if (read === undefined) return undefined;
    const { frame, bytes } = read;
    if (frame.kind === 'open') return frame.owner;
    this.#follow(frame.seq);
    if (frame.kind === 'delta') {
      if (frame.fingerprint !== this.#fingerprint) throw this.#otherDefinition();
      for (const change of frame.changes) this.#apply(change);
      this.#offsets = frame.offsets;
      this.#bytesSinceFirstPiece += bytes;
      this.#bytesSinceSnapshot += bytes;
      return undefined;
    }
    if (frame.first) this.#beginSnapshot();
    for (const change of frame.changes) if (!this.#touched?.has(change[0])) this.#entries.set(change[0], change[1]);
    this.#snapshotRead += bytes;
    if (frame.last && this.#touched) {
      this.#whole = true;
      this.#touched = undefined;
      this.#snapshotBytes = this.#snapshotRead;
      this.#bytesSinceSnapshot = this.#bytesSinceFirstPiece;
    }
    return undefined;
  }

  /** What the log said, read to the end. @throws HeadwaterError `STATE_DAMAGED` */
  finish(): Checkpoint {
    if (!this.#whole) throw this.#damaged('its beginning is missing');
    return {
      entries: this.#entries,
      offsets: this.#offsets,
      seq: this.#seq ?? 0,
      snapshotBytes: this.#snapshotBytes,
      bytesSinceSnapshot: this.#bytesSinceSnapshot,
    };
  }

  #follow(seq: number): void {
    if (this.#seq === undefined) this.#whole = seq === 1;
    else if (seq !== this.#seq + 1) throw this.#damaged(`frame ${seq} follows frame ${this.#seq}`);
    this.#seq = seq;
  }

  #beginSnapshot(): void {
    // Deltas before the first snapshot of a log that was cut say nothing: they changed a state that is no longer known.
    if (!this.#whole) this.#entries.clear();
    this.#touched = new Set();
    this.#snapshotRead = 0;
    this.#bytesSinceFirstPiece = 0;
  }

  #apply(change: EncodedChange): void {
    this.#touched?.add(change[0]);
    if (change.length === 1) this.#entries.delete(change[0]);
    else this.#entries.set(change[0], change[1]);
  }

  #damaged(what: string): HeadwaterError {
    return new HeadwaterError(
      'STATE_DAMAGED',
      `state log ${this.#log}: ${what}. Records of it were deleted by something else than Headwater; check the topic's retention. To compute the step anew from its inputs, reset it (--reset-step).`,
    );
  }

  #otherDefinition(): HeadwaterError {
    return new HeadwaterError(
      'STATE_OF_ANOTHER_DEFINITION',
      `state log ${this.#log} was written by another definition of the step than the present one. Give the changed step a new id to keep both, or reset it (--reset-step) to compute it anew from its inputs.`,
    );
  }
}

function* encodeChanges(changes: Iterable<StateChange>): Iterable<EncodedChange> {
  for (const change of changes) yield encodeChange(change);
}

function encodeChange({ key, value }: StateChange): EncodedChange {
  return value === undefined ? [key] : [key, value];
}

function sizeOf(records: readonly FrameRecord[]): number {
  let bytes = 0;
  for (const record of records) bytes += record.value.length;
  return bytes;
}
