/** A record read from an input topic, its value still encoded. */
export interface InputRecord {
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly partition: number;
  readonly offset: number;
  /** When the broker appended it, ms since the epoch. */
  readonly appendedAt: number;
}

export interface OutputRecord {
  readonly topic: string;
  readonly key: string | null;
  /** Text becomes bytes only where the record is sent. */
  readonly value: Buffer | string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** Given only where every partition must hear of it, such as a watermark sent downstream; otherwise the key decides. */
  readonly partition?: number;
}

/** A value as it is sent. */
export function bytesOf(value: OutputRecord['value']): Buffer | null {
  return typeof value === 'string' ? Buffer.from(value) : value;
}

/** A change of a task's state, or a part of it as it is; `value` is plain JSON, undefined where what the key names was deleted. */
export interface StateChange {
  readonly key: string;
  readonly value: unknown;
}

/** What a task can say of itself, for people who watch it. */
export interface TaskFigures {
  /** Up to when event time has come, by the slowest of its inputs, ms since the epoch; undefined while that is not known, or does not matter to it. */
  readonly watermark: number | undefined;
  /** Entries of its state: series and windows, rows of tables, states of processes, records held by joins. */
  readonly entries: number;
  /** Of these, records that joins of two streams hold for partners to come. */
  readonly held: number;
}

/**
 * The computation of one partition of one step. Pure: no Kafka, no clock, no I/O; the same inputs and ticks in the same order give the same
 * outputs and the same state. It never throws on a record: what it cannot use it puts out to `dead-letters` or `late`.
 */
export interface Task {
  process(topic: string, record: InputRecord): void;
  /**
   * For idleness only, about once a second.
   * @param now wall-clock time, ms since the epoch
   * @param behind whether a topic holds records that were not read yet: then its silence says nothing
   */
  tick(now: number, behind?: (topic: string) => boolean): void;
  /** What was put out since the last call, in order. */
  takeOutputs(): OutputRecord[];
  /**
   * What changed in the state since the last call: enough to rebuild it on top of what was taken before. To be gone through to its end, and before
   * anything else is asked of the task.
   */
  takeChanges(): Iterable<StateChange>;
  /** The whole state. The task may go on between two of its parts: each shows what it shows as it is when it is asked for. */
  snapshot(): Iterable<StateChange>;
  /**
   * Takes up the state of an earlier life, before the first `process`, in one or more calls: what was taken from it in its order, from its beginning or
   * from that of a snapshot on. Parts of a snapshot may lie between changes: each where it was asked for, or before changes that it shows already.
   */
  restore(changes: Iterable<StateChange>): void;
  figures?(): TaskFigures;
}

/** One step of a job: a task for each partition number, over that partition of every input topic (all have the same count). */
export interface Step {
  /** Unique and stable: names the consumer group, the state topic `hub.<id>.state` and the transactional ids. */
  readonly id: string;
  /** Changes when state written by an earlier definition can no longer be read. */
  readonly fingerprint: string;
  /** Topics read as streams. */
  readonly streams: readonly string[];
  /** Compacted topics read as tables: read to their present end before the first stream record of a new task. */
  readonly tables: readonly string[];
  /** Topics written, repartition topics included. */
  readonly outputs: readonly string[];
  /** Partitions of the step's internal repartition topics where it writes any. */
  readonly internal: readonly { readonly name: string; readonly partitions: number }[];
  /** Longest time between an input and the commit of what follows from it, in ms. */
  readonly commitEveryMs: number;
  createTask(partition: number): Task;
}
