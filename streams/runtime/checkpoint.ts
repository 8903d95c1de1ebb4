/**
 * The checkpoint of a task is a log of frames in its partition of the state topic:
 *
 * - Every commit of the task appends a delta: what changed, and the input offsets to go on from.
 * - When the deltas since the last snapshot outweigh it, the following commits also carry pieces of a snapshot, before their delta. It may take
 *   many commits, so that none is large, and the task goes on meanwhile: each piece shows its part of the state as it is after the delta of its commit.
 * - So whoever takes up a snapshot's pieces and the deltas between and after them, in their order, has the state. Once a snapshot is complete, what lies
 *   before its first piece may be deleted. To a reader that begins before that the pieces say nothing new, and it passes over them.
 * - Frames are numbered without holes over all owners: a log that lost something is noticed, not half read.
 */
import { HeadwaterError } from '../../contract/index.ts';
import type { StateChange, Task } from '../core/index.ts';
import { type EncodedChange, encodeFrame, type Frame, type FrameReader, type FrameRecord } from './frames.ts';

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

/**
 * Stands before the fingerprint in a delta whose changes are to be taken up in their order. A Headwater from before that takes it for another
 * definition's and refuses it; what that one wrote is read.
 */
const FORMAT = '2:';

/** Input offsets by topic. */
export type Offsets = Readonly<Record<string, number>>;

/** What a state log says beside the state, read to its end. */
export interface Checkpoint {
  /** Undefined where no commit was ever made. */
  readonly offsets: Offsets | undefined;
  /** Number of the last frame. */
  readonly seq: number;
  readonly snapshotBytes: number;
  readonly bytesSinceSnapshot: number;
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
    const seq = this.#seq + (this.#snapshot === undefined ? 1 : 2);
    const delta = encodeFrame(
      { kind: 'delta', seq, fingerprint: FORMAT + this.#fingerprint, offsets },
      encodeChanges(this.#task.takeChanges()),
    );
    const { records, snapshotComplete } = this.#snapshotPiece();
    this.#seq++;
    this.#bytesSinceSnapshot += sizeOf(delta);
    return { records: [...records, ...delta], snapshotComplete };
  }

  #snapshotPiece(): { records: FrameRecord[]; snapshotComplete: boolean } {
    if (this.#snapshot === undefined) return { records: [], snapshotComplete: false };
    const first = this.#snapshotWritten === 0;
    const changes: string[] = [];
    let bytes = 0;
    let next = this.#snapshot.next();
    while (!next.done) {
      const change = encodeChange(next.value);
      changes.push(change);
      bytes += change.length;
      if (bytes >= this.#limits.snapshotBytesPerCommit) break;
      next = this.#snapshot.next();
    }
    const last = next.done === true;
    const records = encodeFrame({ kind: 'snapshot', seq: ++this.#seq, first, last }, changes);
    this.#snapshotWritten += sizeOf(records);
    if (last) {
      this.#snapshot = undefined;
      this.#snapshotBytes = this.#snapshotWritten;
    }
    return { records, snapshotComplete: last };
  }
}

/** Reads a state log from its start into a new task. */
export class CheckpointReader {
  readonly #frames: FrameReader;
  readonly #log: string;
  readonly #fingerprint: string;
  readonly #task: Pick<Task, 'restore'>;
  #offsets: Offsets | undefined;
  #seq: number | undefined;
  /** Whether the log begins with the first frame ever; otherwise it begins with a snapshot, and whether that was complete is not known yet. */
  #whole = true;
  /** Whether the snapshot that the log begins with is under way. */
  #beginning = false;
  #snapshotBytes = 0;
  #snapshotRead = 0;
  #bytesSinceFirstPiece = 0;
  #bytesSinceSnapshot = 0;

  /** `log` names the state partition in errors. */
  constructor(log: string, fingerprint: string, frames: FrameReader, task: Pick<Task, 'restore'>) {
    this.#log = log;
    this.#fingerprint = fingerprint;
    this.#frames = frames;
    this.#task = task;
  }

  /**
   * Takes the next record.
   * @returns the owner's id where it is an open marker
   * @throws HeadwaterError `STATE_DAMAGED`, `STATE_OF_ANOTHER_DEFINITION`
   */
  push(record: Parameters<FrameReader['push']>[0]): string | undefined {
    const read = this.#frames.push(record);
    if (read === undefined) return undefined;
    const { frame, changes, bytes } = read;
    if (frame.kind === 'open') return frame.owner;
    this.#follow(frame.seq);
    if (frame.kind === 'delta') {
      if (frame.fingerprint !== this.#fingerprint && frame.fingerprint !== FORMAT + this.#fingerprint)
        throw this.#otherDefinition();
      // Before the snapshot that a log begins with they changed a state that is no longer known.
      if (this.#whole || this.#beginning) this.#task.restore(changesOf(changes()));
      this.#offsets = frame.offsets;
      this.#bytesSinceFirstPiece += bytes;
      this.#bytesSinceSnapshot += bytes;
    } else this.#snapshot(frame, changes, bytes);
    return undefined;
  }

  #snapshot(
    { first, last }: Frame & { kind: 'snapshot' },
    changes: () => readonly EncodedChange[],
    bytes: number,
  ): void {
    if (first) {
      this.#beginning = !this.#whole;
      this.#snapshotRead = 0;
      this.#bytesSinceFirstPiece = 0;
    }
    if (this.#beginning) this.#task.restore(changesOf(changes()));
    this.#snapshotRead += bytes;
    if (!last || !(this.#whole || this.#beginning)) return;
    this.#whole = true;
    this.#beginning = false;
    this.#snapshotBytes = this.#snapshotRead;
    this.#bytesSinceSnapshot = this.#bytesSinceFirstPiece;
  }

  /** What the log said, read to the end. @throws HeadwaterError `STATE_DAMAGED` */
  finish(): Checkpoint {
    if (!this.#whole) throw this.#damaged('its beginning is missing');
    return {
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

function* changesOf(changes: readonly EncodedChange[]): Iterable<StateChange> {
  for (const [key, value] of changes) yield { key, value };
}

function* encodeChanges(changes: Iterable<StateChange>): Iterable<string> {
  for (const change of changes) yield encodeChange(change);
}

function encodeChange({ key, value }: StateChange): string {
  return JSON.stringify(value === undefined ? [key] : [key, value]);
}

function sizeOf(records: readonly FrameRecord[]): number {
  let bytes = 0;
  for (const record of records) bytes += record.value.length;
  return bytes;
}
