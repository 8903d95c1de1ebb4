import { ALL_TOPICS, decode, PARTITIONS } from '../../contract/index.ts';
import { bytesOf, type InputRecord, type OutputRecord, type Step, type Task } from '../core/index.ts';

export { Lives } from './lives.ts';

export interface Sent {
  readonly key?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** When the broker took it; the record's `ts`, or the time of the record before it, unless given. */
  readonly appendedAt?: number;
}

interface Living {
  task: Task;
  /** What it and those before it committed, as JSON, commit by commit. */
  readonly log: string[];
}

/**
 * Runs steps by hand, as the runtime does over Kafka, with topics that are only arrays: for tests. A record reaches the steps at once, and what they put
 * out to topics that others of the steps read reaches those.
 */
export class Bench {
  readonly #tasks = new Map<Step, Living[]>();
  readonly #topics = new Map<string, { partitions: number; offsets: number[]; records: OutputRecord[] }>();
  readonly #steps: readonly Step[];
  #now = 0;

  constructor(steps: readonly Step[]) {
    this.#steps = steps;
    // Of own topics only the names are known.
    const named = steps.flatMap((step) => [...step.streams, ...step.tables, ...step.outputs]);
    const own = named.map((name) => ({ name, partitions: PARTITIONS }));
    for (const { name, partitions } of [...own, ...ALL_TOPICS, ...steps.flatMap((step) => step.internal)]) {
      this.#topics.set(name, { partitions, offsets: Array(partitions).fill(0), records: [] });
    }
    for (const step of steps) {
      const { partitions } = this.#topic(step.streams[0]!);
      this.#tasks.set(
        step,
        Array.from({ length: partitions }, (_, partition) => ({ task: step.createTask(partition), log: [] })),
      );
    }
  }

  /** @param value a Buffer as it is, anything else as JSON */
  send(topic: string, value: unknown, sent: Sent = {}): void {
    const time = (value as { ts?: number } | null)?.ts;
    this.#now = sent.appendedAt ?? time ?? this.#now;
    const bytes = value === null || Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value));
    this.#take({ topic, key: sent.key ?? null, value: bytes, headers: sent.headers ?? {} });
  }

  tick(now: number): void {
    this.#now = now;
    for (const tasks of this.#tasks.values()) {
      for (const living of tasks) {
        living.task.tick(now);
        this.#drain(living.task);
        commit(living);
      }
    }
  }

  /** Everything put out to a topic since the last call, decoded. */
  take<T>(topic: string): T[] {
    return this.#topic(topic)
      .records.splice(0)
      .map((record) => decode(bytesOf(record.value)) as T);
  }

  /** The records themselves. */
  takeRecords(topic: string): OutputRecord[] {
    return this.#topic(topic).records.splice(0);
  }

  /** Every task dies, and another takes over from the changes it committed; that one dies too, and another takes over from its snapshot. */
  restart(): void {
    for (const [step, tasks] of this.#tasks) {
      tasks.forEach((living, partition) => {
        commit(living);
        const heir = step.createTask(partition);
        for (const changes of living.log) heir.restore(JSON.parse(changes));
        living.task = step.createTask(partition);
        living.task.restore(JSON.parse(JSON.stringify([...heir.snapshot()])));
      });
    }
  }

  #topic(name: string) {
    const topic = this.#topics.get(name);
    if (topic === undefined) throw new Error(`there is no topic ${name}`);
    return topic;
  }

  #take(output: OutputRecord): void {
    const { partitions, offsets } = this.#topic(output.topic);
    const partition = output.partition ?? hash(output.key ?? '') % partitions;
    const record: InputRecord = {
      key: output.key,
      value: bytesOf(output.value),
      headers: output.headers ?? {},
      partition,
      offset: offsets[partition]!++,
      appendedAt: this.#now,
    };
    for (const step of this.#steps) {
      if (!step.streams.includes(output.topic) && !step.tables.includes(output.topic)) continue;
      const { task } = this.#tasks.get(step)![partition]!;
      task.process(output.topic, record);
      this.#drain(task);
    }
  }

  #drain(task: Task): void {
    for (const output of task.takeOutputs()) {
      this.#topic(output.topic).records.push(output);
      this.#take(output);
    }
  }
}

function commit({ task, log }: Living): void {
  const changes = [...task.takeChanges()];
  if (changes.length > 0) log.push(JSON.stringify(changes));
}

function hash(text: string): number {
  let value = 0;
  for (let i = 0; i < text.length; i++) value = (Math.imul(value, 31) + text.charCodeAt(i)) >>> 0;
  return value;
}
