import type { Topic } from '../../contract/index.ts';
import { HeadwaterError, PARTITIONS } from '../../contract/index.ts';
import { type Expression, field } from './expressions.ts';
import type {
  Branch,
  JoinWithin,
  Node,
  Operator,
  Plan,
  ProcessTo,
  RecordContext,
  Terminal,
  WindowsTo,
} from './plan.ts';

export interface Job {
  readonly id: string;
  readonly commitEveryMs: number;
  readonly plans: readonly Plan[];
}

export interface JobOptions {
  /** Longest time between an input and the commit of what follows from it, in ms. */
  readonly commitEveryMs?: number;
}

/** Names a flow, or several that share what they have in common. `id` is unique and stable: topics and consumer groups are named after it. */
export function job(id: string, plan: Plan | readonly Plan[], options: JobOptions = {}): Job {
  return { id, plans: 'end' in plan ? [plan] : plan, commitEveryMs: options.commitEveryMs ?? 200 };
}

export interface SourceOptions {
  readonly time?: Expression;
  readonly origin?: Expression;
  readonly outOfOrderMs?: number;
  readonly trusted?: boolean;
}

/** Begins a flow with the records of a topic, whose values are JSON objects. */
export function from<T extends object>(topic: Topic, options: SourceOptions = {}): Flow<T> {
  const source = {
    topic,
    time: options.time ?? field('ts'),
    origin: options.origin ?? null,
    outOfOrderMs: options.outOfOrderMs ?? 2_000,
    trusted: options.trusted ?? false,
  };
  return new Flow({ kind: 'source', source });
}

/** One flow of several. */
export function merge<T extends object>(...flows: readonly Flow<T>[]): Flow<T> {
  return new Flow({ kind: 'merge', inputs: flows.map((flow) => flow.node) });
}

export interface JoinOptions<L extends string, R extends string, J extends JoinWithin['type']> {
  readonly as: readonly [left: L, right: R];
  readonly type: J;
  readonly beforeMs: number;
  readonly afterMs: number;
  readonly graceMs?: number;
}

/** The result of a join: which side may be missing follows from its type. */
export type Joined<T, U, L extends string, R extends string, J extends JoinWithin['type']> = Record<
  L,
  J extends 'outer' ? T | null : T
> &
  Record<R, J extends 'inner' ? U : U | null>;

/** A flow under declaration. Every method gives a new one; used twice, what it stands for is computed once. */
export class Flow<T extends object> {
  readonly node: Node;

  constructor(node: Node) {
    this.node = node;
  }

  #then<U extends object>(operator: Operator): Flow<U> {
    return new Flow<U>({ kind: 'operator', input: this.node, operator });
  }

  /** Lets through the records for which the condition is true. */
  filter(where: Expression): Flow<T> {
    return this.#then({ kind: 'filter', where });
  }

  /** Adds columns, or replaces them. */
  derive<C extends string>(columns: Readonly<Record<C, Expression>>): Flow<T & Record<C, unknown>> {
    return this.#then({ kind: 'derive', columns });
  }

  /** Any function that leaves its argument as it is; a job with one cannot be written down as SQL. */
  map<U extends object>(fn: (value: T, context: RecordContext) => U): Flow<U> {
    return this.#then({ kind: 'map', fn });
  }

  /** Any function from a record to any number of them. */
  flatMap<U extends object>(fn: (value: T, context: RecordContext) => Iterable<U>): Flow<U> {
    return this.#then({ kind: 'flatMap', fn });
  }

  /** A flow for each condition, which takes the records that no condition before it took; `rest` takes what none did. */
  branch<C extends string>(conditions: Readonly<Record<C, Expression>>): Record<C | 'rest', Flow<T>> {
    const branch: Branch = { kind: 'branch', input: this.node, conditions: Object.values(conditions) };
    const names = [...Object.keys(conditions), 'rest'];
    if ('rest' in conditions)
      throw new HeadwaterError('JOB_INVALID', 'branch: "rest" is the flow that no condition takes; name it otherwise');
    const arms = names.map((name, index) => [name, new Flow<T>({ kind: 'arm', branch, index })]);
    return Object.fromEntries(arms) as Record<C | 'rest', Flow<T>>;
  }

  /**
   * Adds, as column `as`, the row that a compacted topic had for the record's key at the record's time, or null. Rows are kept for `historyMs` after
   * they were replaced (as long as the topic keeps them from compaction, unless given). A record from before the oldest row known gets that
   * one, and `<as>FromLater: true`. The topic's partitions must be those of the flow.
   */
  joinTable<C extends string>(
    topic: Topic,
    as: C,
    options: { readonly historyMs?: number } = {},
  ): Flow<T & Record<C, Record<string, unknown> | null> & Partial<Record<`${C}FromLater`, true>>> {
    return this.#then({
      kind: 'joinTable',
      topic,
      as,
      historyMs: options.historyMs ?? topic.minCompactionLagMs ?? 0,
    });
  }

  /**
   * Pairs each record with those of another flow that have the same key and are at most `beforeMs` earlier or `afterMs` later. A pair's time is that of
   * its later record. A record that stays alone (in a `left` or `outer` join) comes out once, when no partner can come any more.
   */
  join<U extends object, L extends string, R extends string, J extends JoinWithin['type']>(
    right: Flow<U>,
    options: JoinOptions<L, R, J>,
  ): Flow<Joined<T, U, L, R, J>> {
    return new Flow({ kind: 'join', left: this.node, right: right.node, graceMs: 0, ...options });
  }

  /** Sends the records through an internal topic of their own, so that those with the same key meet in one task. */
  keyBy(name: string, key: Expression, options: { readonly partitions?: number } = {}): Flow<T> {
    return new Flow({ kind: 'keyBy', input: this.node, name, key, partitions: options.partitions ?? PARTITIONS });
  }

  /** Ends the flow in windows of one or more kinds; each result goes to its size's topic, with the series as key. */
  windows(declaration: Omit<WindowsTo, 'kind' | 'graceMs' | 'rememberMs'> & Partial<WindowsTo>): Plan {
    const { graceMs = 120_000 } = declaration;
    return this.#end({ rememberMs: Math.max(86_400_000, graceMs), ...declaration, graceMs, kind: 'windows' });
  }

  /** Ends the flow in a function with a state for each series. */
  process<S>(declaration: Omit<ProcessTo<T, S>, 'kind'>): Plan {
    return this.#end({ ...declaration, kind: 'process' } as unknown as Terminal);
  }

  /** Ends the flow in a topic, under the key that the records have, or the one given. */
  into(topic: Topic, options: { readonly key?: Expression } = {}): Plan {
    return this.#end({ kind: 'into', topic, key: options.key ?? null });
  }

  #end(end: Terminal): Plan {
    return { input: this.node, end };
  }
}
