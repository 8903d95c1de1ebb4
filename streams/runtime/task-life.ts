/**
 * One life of a task, from the fencing of its forerunner to its first failure. The order is what makes it exact:
 *
 * 1. Open the transactional producer: an earlier owner of the partition can commit nothing from here on.
 * 2. Commit an open marker with a random owner id to the state log.
 * 3. Read the log from its start until that marker: whatever anyone committed lies before it, whatever was aborted does not show.
 * 4. Seek the inputs to the checkpoint's offsets. Only now are they read: tables first where the task is new.
 *
 * Until then a batch that comes is asked for again later. After a failure nothing is repaired: the next life begins at 1.
 */
import { setImmediate } from 'node:timers/promises';
import { type IncomingBatch, openTransactionalProducer, type TransactionalProducer } from '../../kafka/index.ts';
import type { InputRecord, Task } from '../core/index.ts';
import { type Checkpoint, CheckpointWriter, type Offsets } from './checkpoint.ts';
import { briefly } from './clock.ts';
import { Committer } from './committer.ts';
import type { PartitionReader, StepContext } from './context.ts';
import { Positions } from './positions.ts';
import { StateLog } from './state-log.ts';
import type { TaskCounts, TaskStatus } from './status.ts';

/** An input that should have more records and gives none for this long counts as read: its last ones may be compacted away, or never show. */
const INPUT_SILENCE_MS = 10_000;
const LAST_COMMIT_MS = 3_000;
/** Records processed without a break: a commit must get its turn in between, or its transaction times out. */
const SLICE = 1_000;

type Phase = 'fencing' | 'restoring' | 'running' | 'ended';

export class TaskLife {
  readonly positions = new Positions();
  readonly #context: StepContext;
  readonly #reader: PartitionReader;
  readonly #counts: TaskCounts;
  readonly #transactionMs: number;
  readonly #onEnded: (error: unknown) => void;
  readonly #inputs: readonly string[];
  readonly #startedAt: number;
  readonly #stateLog: StateLog;
  #phase: Phase = 'fencing';
  #producer: TransactionalProducer | undefined;
  #task: Task | undefined;
  #committer: Committer | undefined;
  #checkpoint: CheckpointWriter | undefined;
  #committed: Offsets = {};
  /** The tables to be read before the streams, up to the ends they had; undefined before and after that. */
  #tables: ReadonlyMap<string, number> | undefined;
  #tableRecordAt = 0;
  /** Streams that no checkpoint mentions: until one does, each new life reads the tables first. */
  #unread: ReadonlySet<string> = new Set();
  #resting = false;
  /** When each input last gave a record. */
  readonly #readAt = new Map<string, number>();

  /** `transactionMs`: how long the broker lets a transaction be open. */
  constructor(
    context: StepContext,
    reader: PartitionReader,
    counts: TaskCounts,
    transactionMs: number,
    onEnded: (error: unknown) => void,
  ) {
    this.#context = context;
    this.#transactionMs = transactionMs;
    this.#reader = reader;
    this.#counts = counts;
    this.#onEnded = onEnded;
    this.#inputs = [...context.step.tables, ...context.step.streams];
    this.#startedAt = context.clock.now();
    this.#stateLog = new StateLog(context, reader);
    reader.pause([...this.#inputs, context.stateTopic]);
    this.#open().catch((error) => this.#end(error));
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** What the task says of itself, once it runs. */
  figures(): Pick<TaskStatus, 'figures' | 'stateLogBytes'> {
    const figures = this.#phase === 'running' ? this.#task!.figures?.() : undefined;
    return { figures, stateLogBytes: this.#checkpoint?.logBytes };
  }

  get #hasEnded(): boolean {
    return this.#phase === 'ended';
  }

  /** Input offsets of the last commit. */
  get committed(): Offsets {
    return this.#committed;
  }

  /** The group was joined anew, and the client has forgotten where it was. */
  rejoined(): void {
    const seeks = Array.from(this.positions.entries(), ([topic, next]) => this.#reader.seek(topic, next));
    Promise.all([this.#stateLog.seekAgain(), ...seeks]).catch((error) => this.#end(error));
  }

  /** `'again'` where the task is not ready for it. */
  async onBatch(batch: IncomingBatch): Promise<'again' | undefined> {
    try {
      if (batch.topic === this.#context.stateTopic) {
        if (this.#stateLog.isReading) {
          const checkpoint = this.#stateLog.read(batch);
          if (checkpoint) this.#restore(checkpoint).catch((error) => this.#end(error));
          return undefined;
        }
      } else if (this.#reads(batch.topic)) {
        await this.#process(batch);
        return undefined;
      }
    } catch (error) {
      this.#end(error);
    }
    this.#reader.pause([batch.topic]);
    return 'again';
  }

  /** The client passed over what does not show, up to `next`. */
  onSkipped(topic: string, next: number): void {
    if (topic === this.#context.stateTopic) {
      this.#stateLog.skipped(next);
      return;
    }
    if (!this.#reads(topic)) return;
    this.positions.skipped(topic, next);
    this.#checkTables();
  }

  tick(now: number): void {
    try {
      if (this.#tables && now - this.#tableRecordAt > INPUT_SILENCE_MS) this.#beginStreams();
      if (this.#phase !== 'running') return;
      this.#task!.tick(now, (topic) => this.#isBehind(topic, now));
      const outputs = this.#task!.takeOutputs();
      if (outputs.length > 0) this.#committer!.add(outputs, 0);
    } catch (error) {
      this.#end(error);
    }
  }

  /** Whether a stream has records to read, so that its silence says nothing. */
  #isBehind(topic: string, now: number): boolean {
    if (now - this.#readAt.get(topic)! > INPUT_SILENCE_MS) return false;
    return !this.positions.hasReached(topic, this.positions.endOf(topic));
  }

  /** Ends this life. With `flush` what was processed is committed before; without, only a commit under way is waited for. */
  async close(flush: boolean): Promise<void> {
    if (flush && this.#committer && !this.#hasEnded) {
      this.#reader.pause(this.#inputs);
      await this.#briefly(this.#committer.flush());
    }
    await this.#stop();
  }

  async #open(): Promise<void> {
    const { step, kafka } = this.#context;
    const transactionalId = `hub.${step.id}.${this.#reader.partition}`;
    const producer = await openTransactionalProducer(kafka, { transactionalId, timeoutMs: this.#transactionMs });
    if (this.#hasEnded) return producer.close();
    this.#producer = producer;
    this.#task = step.createTask(this.#reader.partition);
    await this.#stateLog.open(producer, this.#task);
    if (this.#hasEnded) this.#stateLog.stop();
    else this.#phase = 'restoring';
  }

  async #restore(checkpoint: Checkpoint): Promise<void> {
    const { step, clock, stateTopic, admin, log } = this.#context;
    const { partition } = this.#reader;
    const bounds = await admin.use((a) => Promise.all(this.#inputs.map((topic) => a.offsets(topic))));
    if (this.#hasEnded) return;
    this.#committed = checkpoint.offsets ?? {};
    this.#inputs.forEach((topic, i) => {
      const range = bounds[i]!.find((b) => b.partition === partition)!;
      const missed = this.positions.start(topic, range, this.#committed[topic]);
      this.#counts.missed += missed;
      const fields = { step: step.id, topic, partition, missed };
      if (missed > 0) log.error(fields, 'retention deleted input before the step processed it');
    });
    this.#unread = new Set(step.streams.filter((topic) => this.#committed[topic] === undefined));
    this.#checkpoint = new CheckpointWriter(this.#task!, step.fingerprint, checkpoint);
    this.#committer = new Committer({
      producer: this.#producer!,
      checkpoint: this.#checkpoint,
      stateLog: this.#stateLog,
      stateTopic,
      partition,
      commitEveryMs: step.commitEveryMs,
      timeoutMs: this.#transactionMs,
      clock,
      counts: this.#counts,
      offsets: () => this.#offsets(),
      onTaken: () => this.#goOn(),
      onCommitted: (offsets) => {
        this.#committed = offsets;
      },
      onFailed: (error) => this.#end(error),
    });
    await Promise.all(Array.from(this.positions.entries(), ([topic, next]) => this.#reader.seek(topic, next)));
    if (this.#hasEnded) return;
    if (this.#unread.size > 0) this.#beginTables();
    else this.#beginStreams();
  }

  #reads(topic: string): boolean {
    return this.#tables ? this.#tables.has(topic) : this.#phase === 'running';
  }

  #beginTables(): void {
    const { step, clock } = this.#context;
    this.#tables = new Map(step.tables.map((topic) => [topic, this.positions.endOf(topic)]));
    this.#tableRecordAt = clock.now();
    this.#reader.resume(step.tables);
    this.#checkTables();
  }

  #checkTables(): void {
    if (!this.#tables) return;
    this.#tableRecordAt = this.#context.clock.now();
    if ([...this.#tables].every(([topic, end]) => this.positions.hasReached(topic, end))) this.#beginStreams();
  }

  #beginStreams(): void {
    this.#tables = undefined;
    this.#unread = new Set();
    this.#phase = 'running';
    const now = this.#context.clock.now();
    for (const topic of this.#inputs) this.#readAt.set(topic, now);
    this.#counts.restoreMs = now - this.#startedAt;
    this.#reader.resume(this.#inputs);
  }

  async #process(batch: IncomingBatch): Promise<void> {
    const { topic, records, next, highWatermark } = batch;
    this.positions.requireFollowedBy(batch);
    const position = this.positions.of(topic);
    const fresh = records.filter((record) => record.offset >= position);
    for (let at = 0; at < fresh.length; at += SLICE) {
      if (at > 0) await setImmediate();
      if (this.#hasEnded) return;
      this.#processSlice(topic, fresh.slice(at, at + SLICE), highWatermark);
    }
    this.positions.processed(topic, next, highWatermark);
    this.#checkTables();
  }

  #processSlice(topic: string, records: readonly InputRecord[], end: number): void {
    const task = this.#task!;
    const committer = this.#committer!;
    let bytes = 0;
    for (const record of records) {
      task.process(topic, record);
      bytes += (record.value?.length ?? 0) + (record.key?.length ?? 0);
    }
    this.#counts.events += records.length;
    this.#readAt.set(topic, this.#context.clock.now());
    // Before the committer is told: it may begin a commit at once, and that says how far the task is.
    this.positions.processed(topic, records.at(-1)!.offset + 1, end);
    committer.add(task.takeOutputs(), bytes);
    if (committer.full) {
      this.#resting = true;
      this.#reader.pause(this.#inputs);
    }
  }

  #goOn(): void {
    if (!this.#resting || this.#phase === 'ended') return;
    this.#resting = false;
    this.#reader.resume(this.#tables ? this.#context.step.tables : this.#inputs);
  }

  /** What a commit may say was processed: a stream counts as begun only when the tables have been read. */
  #offsets(): Offsets {
    return Object.fromEntries([...this.positions.entries()].filter(([topic]) => !this.#unread.has(topic)));
  }

  #end(error: unknown): void {
    if (this.#hasEnded) return;
    void this.#stop();
    this.#onEnded(error);
  }

  async #stop(): Promise<void> {
    if (this.#hasEnded) return;
    this.#phase = 'ended';
    this.#tables = undefined;
    this.#stateLog.stop();
    this.#reader.pause(this.#inputs);
    if (this.#committer) await this.#briefly(this.#committer.stop());
    await this.#producer?.close().catch(() => {});
  }

  /** Waits for a commit whose outcome is reported elsewhere, but not so long that a process could not end. */
  #briefly(commit: Promise<unknown>): Promise<void> {
    const { clock, log, step } = this.#context;
    const fields = { step: step.id, partition: this.#reader.partition, waitedMs: LAST_COMMIT_MS };
    const late = () => log.warn(fields, 'the last commit is not waited for; the next owner does again what it lacks');
    return briefly(clock, LAST_COMMIT_MS, commit, late);
  }
}
