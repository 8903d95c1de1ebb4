import type { Topic } from '../../contract/index.ts';
import { PARTITIONS } from '../../contract/index.ts';
import type { Aggregate } from './aggregates.ts';
import { type Expression, field } from './expressions.ts';

/** Where records come from, and how their time is known. */
export interface Source {
  readonly topic: Topic;
  /** Event time, ms since the epoch. */
  readonly time: Expression;
  /** What a watermark is kept for: each gateway, say. Null: the topic's partition. */
  readonly origin: Expression | null;
  /** How far behind the latest record of its origin a record may be without finding its window put out already. */
  readonly outOfOrderMs: number;
  /** Records of a topic that only Headwater writes, after validation, are not validated again. */
  readonly trusted: boolean;
}

/** What a function may know of a record besides its value. */
export interface RecordContext {
  readonly topic: string;
  /** When the broker took it, ms since the epoch. */
  readonly appendedAt: number;
}

export type Operator =
  | { readonly kind: 'filter'; readonly where: Expression }
  | { readonly kind: 'derive'; readonly columns: Readonly<Record<string, Expression>> }
  | { readonly kind: 'map'; readonly fn: (value: never, context: RecordContext) => unknown }
  | { readonly kind: 'flatMap'; readonly fn: (value: never, context: RecordContext) => Iterable<unknown> }
  | { readonly kind: 'joinTable'; readonly topic: Topic; readonly as: string }
  | { readonly kind: 'keyBy'; readonly name: string; readonly key: Expression; readonly partitions: number };

export interface WindowsTo {
  readonly kind: 'windows';
  /** What a series is, by name; the names are columns of the result. Contains the source's origin where it has one. */
  readonly by: Readonly<Record<string, Expression>>;
  readonly sizes: readonly { readonly ms: number; readonly to: Topic }[];
  readonly select: Readonly<Record<string, Aggregate>>;
  /** How long a window whose time is over still takes records, in event time. More than a clock ahead can move a watermark (a minute). */
  readonly graceMs: number;
  /** How long a series without records is remembered, so that nothing older begins its windows anew. At least `graceMs`. */
  readonly rememberMs: number;
}

/** What a process may do with a record besides changing its state. */
export interface Context {
  readonly series: string;
  emit(topic: Topic, key: string, value: unknown): void;
}

/**
 * A function with a state for each series. States are given back changed or new; undefined ends one. They are plain JSON in the checkpoint, made
 * by `save` and read by `load`, which may be left out where the state is plain JSON itself.
 */
export interface ProcessTo<T, S> {
  readonly kind: 'process';
  /** Change it when states written earlier can no longer be read. */
  readonly version: number;
  readonly series: Expression;
  readonly outputs: readonly Topic[];
  init(series: string): S;
  step(state: S, value: T, ts: number, context: Context): S | undefined;
  /** About once a second, wall-clock time. Returns the same object where nothing changed. */
  tick?(state: S, now: number, context: Context): S | undefined;
  save?(state: S): unknown;
  load?(saved: unknown, series: string): S;
}

export interface Into {
  readonly kind: 'into';
  readonly topic: Topic;
}

export type Terminal = WindowsTo | ProcessTo<never, never> | Into;

/** A declared flow: one or more sources, each with its own operators, what happens to all of them, and where it ends. */
export interface Plan {
  readonly heads: readonly { readonly source: Source; readonly operators: readonly Operator[] }[];
  readonly operators: readonly Operator[];
  readonly end: Terminal;
}

export interface Job {
  readonly id: string;
  readonly commitEveryMs: number;
  readonly plan: Plan;
}

export interface JobOptions {
  /** Longest time between an input and the commit of what follows from it, in ms. */
  readonly commitEveryMs?: number;
}

/** Names a flow. `id` is unique and stable: topics and consumer groups are named after it. */
export function job(id: string, plan: Plan, options: JobOptions = {}): Job {
  return { id, plan, commitEveryMs: options.commitEveryMs ?? 200 };
}

export interface SourceOptions {
  readonly time?: Expression;
  readonly origin?: Expression;
  readonly outOfOrderMs?: number;
  readonly trusted?: boolean;
}

/** Begins a flow with the records of a topic, whose values are JSON objects. */
export function from<T extends object>(topic: Topic, options: SourceOptions = {}): Flow<T> {
  const source: Source = {
    topic,
    time: options.time ?? field('ts'),
    origin: options.origin ?? null,
    outOfOrderMs: options.outOfOrderMs ?? 2_000,
    trusted: options.trusted ?? false,
  };
  return new Flow([{ source, operators: [] }], []);
}

/** One flow of several. */
export function merge<T extends object>(...flows: readonly Flow<T>[]): Flow<T> {
  return new Flow(
    flows.flatMap(({ heads, operators }) =>
      heads.map((head) => ({ ...head, operators: [...head.operators, ...operators] })),
    ),
    [],
  );
}

/** A flow under declaration. Every method gives a new one. */
export class Flow<T extends object> {
  readonly heads: Plan['heads'];
  readonly operators: readonly Operator[];

  constructor(heads: Plan['heads'], operators: readonly Operator[]) {
    this.heads = heads;
    this.operators = operators;
  }

  #then<U extends object>(operator: Operator): Flow<U> {
    return new Flow<U>(this.heads, [...this.operators, operator]);
  }

  filter(where: Expression): Flow<T> {
    return this.#then({ kind: 'filter', where });
  }

  /** Adds columns, or replaces them. */
  derive<C extends string>(columns: Readonly<Record<C, Expression>>): Flow<T & Record<C, unknown>> {
    return this.#then({ kind: 'derive', columns });
  }

  /** Any function; a job with one cannot be written down as SQL. */
  map<U extends object>(fn: (value: T, context: RecordContext) => U): Flow<U> {
    return this.#then({ kind: 'map', fn });
  }

  /** Any function from a record to any number of them. */
  flatMap<U extends object>(fn: (value: T, context: RecordContext) => Iterable<U>): Flow<U> {
    return this.#then({ kind: 'flatMap', fn });
  }

  /** Adds the row that a compacted topic holds for the record's key, or null, as column `as`. Its partitions must be those of the flow. */
  joinTable<C extends string>(topic: Topic, as: C): Flow<T & Record<C, Record<string, unknown> | null>> {
    return this.#then({ kind: 'joinTable', topic, as });
  }

  /** Sends the records through an internal topic of their own, so that those with the same key meet in one task. */
  keyBy(name: string, key: Expression, options: { readonly partitions?: number } = {}): Flow<T> {
    return this.#then({ kind: 'keyBy', name, key, partitions: options.partitions ?? PARTITIONS });
  }

  /** Ends the flow in tumbling windows; each result goes to its size's topic, with the series as key. */
  windows(declaration: Omit<WindowsTo, 'kind' | 'graceMs' | 'rememberMs'> & Partial<WindowsTo>): Plan {
    return this.#end({ graceMs: 120_000, rememberMs: 86_400_000, ...declaration, kind: 'windows' });
  }

  process<S>(declaration: Omit<ProcessTo<T, S>, 'kind'>): Plan {
    return this.#end({ ...declaration, kind: 'process' } as unknown as Terminal);
  }

  into(topic: Topic): Plan {
    return this.#end({ kind: 'into', topic });
  }

  #end(end: Terminal): Plan {
    return { heads: this.heads, operators: this.operators, end };
  }
}
