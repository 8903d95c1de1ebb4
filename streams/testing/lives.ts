import { decode } from '../../contract/index.ts';
import { bytesOf, type InputRecord, type OutputRecord, type StateChange, type Step, type Task } from '../core/index.ts';

/** One task of a step through several lives, each going on from the checkpoint of the one before: for tests. */
export class Lives {
  readonly #step: Step;
  #task: Task;
  /** What the log of its changes holds, as it is written. */
  readonly #log: StateChange[] = [];
  readonly #offsets = new Map<string, number>();
  readonly #outputs: OutputRecord[] = [];

  constructor(step: Step) {
    this.#step = step;
    this.#task = step.createTask(0);
  }

  /** @param value an object, sent as JSON with its `offset` added, or null */
  process(topic: string, value: object | null, record: Partial<InputRecord> & { readonly appendedAt: number }): void {
    const offset = this.#offsets.get(topic) ?? 0;
    this.#offsets.set(topic, offset + 1);
    const bytes = value && Buffer.from(JSON.stringify({ ...value, offset }));
    this.#task.process(topic, { key: null, headers: {}, partition: 0, offset, value: bytes, ...record });
    this.#outputs.push(...this.#task.takeOutputs());
  }

  tick(now: number, behind?: (topic: string) => boolean): void {
    this.#task.tick(now, behind);
    this.#outputs.push(...this.#task.takeOutputs());
  }

  /** The task dies, and another begins with what it had committed: all the changes it made, or a snapshot. */
  restart(snapshot = false): void {
    for (const change of this.#task.takeChanges()) this.#log.push(JSON.parse(JSON.stringify(change)));
    const changes = snapshot ? [...this.#task.snapshot()] : this.#log;
    this.#task = this.#step.createTask(0);
    this.#task.restore(JSON.parse(JSON.stringify(changes)));
  }

  /** Entries in the state. */
  get stateKeys(): string[] {
    return Array.from(this.#task.snapshot(), ({ key }) => key);
  }

  /** What was put out since the last call, decoded, by topic. */
  takeAll(): Map<string, unknown[]> {
    const taken = this.#outputs.splice(0);
    const topics = Map.groupBy(taken, ({ topic }) => topic);
    return new Map(
      Array.from(topics, ([topic, records]) => [topic, records.map(({ value }) => decode(bytesOf(value)))]),
    );
  }
}
