import { randomUUID } from 'node:crypto';
import type { IncomingBatch, TransactionalProducer } from '../../kafka/index.ts';
import type { Task } from '../core/index.ts';
import { type Checkpoint, CheckpointReader } from './checkpoint.ts';
import type { PartitionReader, StepContext } from './context.ts';
import { encodeFrame, FrameReader } from './frames.ts';
import { requireNoHole } from './positions.ts';

/** A task's partition of the state topic, for one owner. */
export class StateLog {
  readonly #context: StepContext;
  readonly #reader: PartitionReader;
  readonly #owner = randomUUID();
  /** Set while the log is being read. */
  #checkpoint: CheckpointReader | undefined;
  #position: number | undefined;
  /** Up to where the client passed over what does not show, such as aborted transactions. */
  #reached = 0;

  constructor(context: StepContext, reader: PartitionReader) {
    this.#context = context;
    this.#reader = reader;
  }

  get isReading(): boolean {
    return this.#checkpoint !== undefined;
  }

  /** Marks the log as this owner's, through a producer that has fenced every other, and starts to read it from its beginning into a new task. */
  async open(producer: TransactionalProducer, task: Task): Promise<void> {
    const { stateTopic, step } = this.#context;
    const { partition } = this.#reader;
    const marker = encodeFrame({ kind: 'open', owner: this.#owner });
    await producer.commit([{ topic: stateTopic, records: marker.map((record) => ({ ...record, partition })) }]);
    await this.#reader.seek(stateTopic, 'earliest');
    const name = `${stateTopic}/${partition}`;
    this.#checkpoint = new CheckpointReader(name, step.fingerprint, new FrameReader(name), task);
    this.#reader.resume([stateTopic]);
  }

  /** @returns the checkpoint, whose state the task then has, when this owner's marker has been reached: everything that counts lies before it */
  read(batch: IncomingBatch): Checkpoint | undefined {
    const checkpoint = this.#checkpoint!;
    requireNoHole(batch, Math.max(this.#position ?? batch.from, this.#reached));
    for (const record of batch.records) {
      if (record.offset < (this.#position ?? 0)) continue;
      if (checkpoint.push(record) !== this.#owner) continue;
      this.stop();
      return checkpoint.finish();
    }
    this.#position = batch.next;
    return undefined;
  }

  skipped(next: number): void {
    this.#reached = next;
  }

  stop(): void {
    this.#checkpoint = undefined;
    this.#reader.pause([this.#context.stateTopic]);
  }

  /** The client has forgotten where it was. */
  async seekAgain(): Promise<void> {
    if (this.#checkpoint) await this.#reader.seek(this.#context.stateTopic, this.#position ?? 'earliest');
  }

  /** The offset of the next record. @throws HeadwaterError `KAFKA_…` */
  async end(): Promise<number> {
    const offsets = await this.#context.admin.use((admin) => admin.offsets(this.#context.stateTopic));
    return offsets.find(({ partition }) => partition === this.#reader.partition)!.high;
  }

  /** Deletes what lies before `offset`; where that fails, the next snapshot's cut makes up for it. */
  cut(offset: number): void {
    const { admin, stateTopic: topic, log, step } = this.#context;
    const { partition } = this.#reader;
    admin
      .use((a) => a.deleteRecords({ topic, partition, offset }))
      .catch((error) =>
        log.warn({ step: step.id, partition, error: String(error) }, 'could not shorten the state log'),
      );
  }
}
