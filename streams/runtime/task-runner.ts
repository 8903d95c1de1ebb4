import { HeadwaterError } from '../../contract/index.ts';
import type { IncomingBatch } from '../../kafka/index.ts';
import type { Offsets } from './checkpoint.ts';
import { backOff } from './clock.ts';
import { isHopeless, type PartitionReader, type StepContext } from './context.ts';
import type { TaskCounts, TaskStatus } from './status.ts';
import { TaskLife } from './task-life.ts';

/** Another owner has the partition, or had, as after a long sleep: by the time this has passed the group has told us which. */
const FENCED_WAIT_MS = 1_500;
/** How long a transaction may be open: one that hangs holds up every reader for so long. */
const TRANSACTION_MS = 10_000;
/** A task whose commits take longer gets twice the time in its next life, up to this; brokers allow 15 minutes unless told otherwise. */
const LONGEST_TRANSACTION_MS = 160_000;

/** Keeps a task alive for as long as its partition belongs to this process: one life after the other. */
export class TaskRunner {
  readonly #context: StepContext;
  readonly #reader: PartitionReader;
  readonly #giveUp: (error: HeadwaterError) => void;
  readonly #counts: TaskCounts = {
    events: 0,
    commits: 0,
    commitMs: 0,
    lastCommitAt: undefined,
    restoreMs: undefined,
    missed: 0,
  };
  #life: TaskLife;
  #restarts = 0;
  #failures = 0;
  #commitsBefore = 0;
  #transactionMs = TRANSACTION_MS;
  #error: string | undefined;
  #cancelRetry: (() => void) | undefined;
  #closed = false;

  /** `giveUp` is called when trying again is of no use. */
  constructor(context: StepContext, reader: PartitionReader, giveUp: (error: HeadwaterError) => void) {
    this.#context = context;
    this.#reader = reader;
    this.#giveUp = giveUp;
    this.#life = this.#begin();
  }

  onBatch(batch: IncomingBatch): Promise<'again' | undefined> {
    return this.#life.onBatch(batch);
  }

  onSkipped(topic: string, next: number): void {
    this.#life.onSkipped(topic, next);
  }

  rejoined(): void {
    this.#life.rejoined();
  }

  tick(now: number): void {
    this.#life.tick(now);
  }

  get committed(): Offsets {
    return this.#life.committed;
  }

  /** Ends the task; with `flush`, what it has processed is committed first. */
  async close(flush: boolean): Promise<void> {
    this.#closed = true;
    this.#cancelRetry?.();
    await this.#life.close(flush);
  }

  status(): TaskStatus {
    const { phase, positions } = this.#life;
    return {
      partition: this.#reader.partition,
      state: phase === 'ended' ? 'failed' : phase,
      positions: positions.offsets,
      lag: positions.lag,
      ...this.#counts,
      ...this.#life.figures(),
      restarts: this.#restarts,
      error: this.#error,
    };
  }

  #begin(): TaskLife {
    this.#commitsBefore = this.#counts.commits;
    const onEnded = (error: unknown) => this.#ended(error);
    return new TaskLife(this.#context, this.#reader, this.#counts, this.#transactionMs, onEnded);
  }

  #ended(error: unknown): void {
    if (this.#closed) return;
    this.#error = error instanceof Error ? error.message : String(error);
    if (isHopeless(error)) {
      this.#giveUp(error);
      return;
    }
    if (error instanceof HeadwaterError && error.code === 'COMMIT_TIMED_OUT') {
      this.#transactionMs = Math.min(2 * this.#transactionMs, LONGEST_TRANSACTION_MS);
    }
    this.#failures = this.#counts.commits > this.#commitsBefore ? 0 : this.#failures + 1;
    const wait = backOff(this.#failures) + (isFenced(error) ? FENCED_WAIT_MS : 0);
    const { log, clock, step } = this.#context;
    const fields = { step: step.id, partition: this.#reader.partition, error: this.#error, waitMs: Math.round(wait) };
    log.warn(fields, 'task failed; it starts again from its checkpoint');
    this.#cancelRetry = clock.after(wait, () => {
      this.#restarts++;
      this.#life = this.#begin();
    });
  }
}

function isFenced(error: unknown): boolean {
  return (
    error instanceof HeadwaterError &&
    /FENCED|INVALID_PRODUCER_EPOCH|INVALID_PRODUCER_ID|COMMIT_TIMED_OUT/.test(error.code)
  );
}
