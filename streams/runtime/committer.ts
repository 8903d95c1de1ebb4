import { HeadwaterError } from '../../contract/index.ts';
import { encodedSize, type OutgoingRecord, type TopicBatch, type TransactionalProducer } from '../../kafka/index.ts';
import type { OutputRecord } from '../core/index.ts';
import type { CheckpointWriter, Offsets } from './checkpoint.ts';
import { type Clock, within } from './clock.ts';
import type { TaskCounts } from './status.ts';

/** A commit begins at once when inputs and outputs since the last come to this… */
const COMMIT_BYTES = 4 * 1_048_576;
/** …and the task must rest when they come to this, the last commit still being under way. */
const FULL_BYTES = 16 * 1_048_576;
/** Results that come after a quiet time, as those of windows do, wait only this long for more of them. */
const FIRST_RESULTS_MS = 10;
/** A transaction that takes so many times as long as the broker gives it has no hope left. */
const HOPELESS_AFTER = 1.5;

export interface CommitterOptions {
  readonly producer: TransactionalProducer;
  readonly checkpoint: CheckpointWriter;
  readonly stateTopic: string;
  readonly partition: number;
  readonly commitEveryMs: number;
  /** The broker aborts a transaction after this. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly counts: TaskCounts;
  /** Input offsets to go on from after what was processed so far. */
  readonly offsets: () => Offsets;
  readonly stateLog: {
    /** The next offset of the task's state partition. */
    readonly end: () => Promise<number>;
    /** Deletes what lies before an offset, if it can. */
    readonly cut: (offset: number) => void;
  };
  /** A commit has taken everything there was: a task at rest may go on. */
  readonly onTaken: () => void;
  readonly onCommitted: (offsets: Offsets) => void;
  /** No more commits will come: the producer is done for. */
  readonly onFailed: (error: unknown) => void;
}

/** Gathers what a task puts out and commits it together with the task's changes and offsets; one commit at a time, while the task goes on. */
export class Committer {
  readonly #options: CommitterOptions;
  #outputs = new Map<string, OutgoingRecord[]>();
  #bytes = 0;
  #dirtySince: number | undefined;
  /** Whether the last commit had results: they keep coming, and are committed together. */
  #resultsFlow = false;
  #cancelTimer: (() => void) | undefined;
  #timerAt = Infinity;
  #underWay: Promise<void> | undefined;
  #stopped = false;
  #cutAt: number | undefined;

  constructor(options: CommitterOptions) {
    this.#options = options;
  }

  /** Whether the task should rest until the next commit. */
  get full(): boolean {
    return this.#bytes > FULL_BYTES;
  }

  /** Something was processed: `inputBytes` of it, and this came out. */
  add(outputs: readonly OutputRecord[], inputBytes: number): void {
    for (const output of outputs) {
      const records = this.#outputs.get(output.topic);
      if (records) records.push(output);
      else this.#outputs.set(output.topic, [output]);
      this.#bytes += encodedSize(output);
    }
    this.#bytes += inputBytes;
    this.#dirtySince ??= this.#options.clock.now();
    if (!this.#underWay) this.#schedule();
  }

  /** Commits what there is. Resolves when everything added so far is committed or the commit failed. */
  async flush(): Promise<void> {
    await this.#underWay;
    if (this.#dirtySince !== undefined) await this.#begin();
  }

  /** Begins no further commit; resolves when the one under way is over. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer?.();
    await this.#underWay;
  }

  #schedule(): void {
    if (this.#stopped || this.#dirtySince === undefined) return;
    if (this.#bytes > COMMIT_BYTES) {
      void this.#begin();
      return;
    }
    const { clock, commitEveryMs } = this.#options;
    const rest = Math.max(0, this.#dirtySince + commitEveryMs - clock.now());
    const first = this.#outputs.size > 0 && !this.#resultsFlow;
    this.#commitAt(clock.now() + (first ? Math.min(rest, FIRST_RESULTS_MS) : rest));
  }

  #commitAt(at: number): void {
    if (this.#timerAt <= at) return;
    const { clock } = this.#options;
    this.#cancelTimer?.();
    this.#timerAt = at;
    this.#cancelTimer = clock.after(Math.max(0, at - clock.now()), () => void this.#begin());
  }

  #begin(): Promise<void> {
    this.#cancelTimer?.();
    this.#timerAt = Infinity;
    this.#underWay ??= this.#commit()
      .catch((error) => {
        this.#stopped = true;
        this.#options.onFailed(error);
      })
      .finally(() => {
        this.#underWay = undefined;
        this.#schedule();
      });
    return this.#underWay;
  }

  async #commit(): Promise<void> {
    const { producer, checkpoint, stateTopic, partition, clock, counts, stateLog, timeoutMs } = this.#options;
    if (checkpoint.snapshotDue) {
      // Where the log ends is not known: a later commit will ask again.
      this.#cutAt = await stateLog.end().catch(() => undefined);
      if (this.#cutAt !== undefined) checkpoint.beginSnapshot();
    }
    if (this.#stopped) return;
    const startedAt = clock.now();
    const outputs = this.#outputs;
    this.#resultsFlow = outputs.size > 0;
    this.#outputs = new Map();
    this.#bytes = 0;
    this.#dirtySince = undefined;
    const offsets = this.#options.offsets();
    const { records, snapshotComplete } = checkpoint.collect(offsets);
    const batches: TopicBatch[] = Array.from(outputs, ([topic, records]) => ({ topic, records }));
    batches.push({ topic: stateTopic, records: records.map((record) => ({ ...record, partition })) });
    this.#options.onTaken();
    try {
      await within(clock, timeoutMs * HOPELESS_AFTER, producer.commit(batches), () => new Error('no answer'));
    } catch (cause) {
      // The broker says of a transaction it has aborted for its age only that its producer is fenced.
      throw clock.now() - startedAt < timeoutMs ? cause : this.#timedOut(cause);
    }
    counts.commits++;
    counts.lastCommitAt = clock.now();
    counts.commitMs += counts.lastCommitAt - startedAt;
    this.#options.onCommitted(offsets);
    if (snapshotComplete && this.#cutAt !== undefined) stateLog.cut(this.#cutAt);
  }

  #timedOut(cause: unknown): HeadwaterError {
    const { stateTopic, partition, timeoutMs } = this.#options;
    const message = `a commit of ${stateTopic}/${partition} took longer than ${timeoutMs / 1_000} s, and Kafka aborted it`;
    return new HeadwaterError('COMMIT_TIMED_OUT', message, { retryable: true, cause });
  }
}
