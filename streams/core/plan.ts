import type { Topic } from '../../contract/index.ts';
import type { Aggregate } from './aggregates.ts';
import type { Expression } from './expressions.ts';

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

/** What is done to one record at a time. */
export type Operator =
  | { readonly kind: 'filter'; readonly where: Expression }
  | { readonly kind: 'derive'; readonly columns: Readonly<Record<string, Expression>> }
  | { readonly kind: 'map'; readonly fn: (value: never, context: RecordContext) => unknown }
  | { readonly kind: 'flatMap'; readonly fn: (value: never, context: RecordContext) => Iterable<unknown> }
  | { readonly kind: 'joinTable'; readonly topic: Topic; readonly as: string; readonly historyMs: number };

/** Two streams of the same key, each record with those of the other side that lie within a time of it. */
export interface JoinWithin {
  /** Columns of the result: the left record and the right one. */
  readonly as: readonly [left: string, right: string];
  /** `inner`: pairs. `left`: also left records without a partner. `outer`: those of either side. */
  readonly type: 'inner' | 'left' | 'outer';
  /** How much earlier than the left record the right one may be, ms. */
  readonly beforeMs: number;
  /** How much later, ms. */
  readonly afterMs: number;
  /** How far behind the watermark a record may still be matched, ms of event time. Both sides are kept that much longer. */
  readonly graceMs: number;
}

/** A declared flow, as a graph of where its records come from. A node that several others name is computed once. */
export type Node =
  | { readonly kind: 'source'; readonly source: Source }
  | { readonly kind: 'operator'; readonly input: Node; readonly operator: Operator }
  | { readonly kind: 'merge'; readonly inputs: readonly Node[] }
  | Branch
  | { readonly kind: 'arm'; readonly branch: Branch; readonly index: number }
  | KeyBy
  | ({ readonly kind: 'join'; readonly left: Node; readonly right: Node } & JoinWithin);

/** A record goes to the first arm whose condition is true, or to the one after the last. */
export interface Branch {
  readonly kind: 'branch';
  readonly input: Node;
  readonly conditions: readonly Expression[];
}

export interface KeyBy {
  readonly kind: 'keyBy';
  readonly input: Node;
  readonly name: string;
  readonly key: Expression;
  readonly partitions: number;
}

/**
 * Windows of one kind, and the topic of their results. `ms` alone: one window after the other (tumbling). With `advanceMs`: a window begins every
 * `advanceMs`, of which `ms` is a multiple (hopping). `gapMs`: a session holds records that are at most so far apart.
 */
export type WindowSize =
  | { readonly ms: number; readonly advanceMs?: number; readonly to: Topic }
  | { readonly gapMs: number; readonly to: Topic };

export interface WindowsTo {
  readonly kind: 'windows';
  /** What a series is, by name; the names are columns of the result. Contains the source's origin where it has one. */
  readonly by: Readonly<Record<string, Expression>>;
  readonly sizes: readonly WindowSize[];
  readonly select: Readonly<Record<string, Aggregate>>;
  /** Further columns of the result, made of the others. */
  readonly derive?: Readonly<Record<string, Expression>>;
  /** How long a window whose time is over still takes records, in event time. More than a clock ahead can move a watermark (a minute). */
  readonly graceMs: number;
  /** How long a series without records is remembered, so that nothing older begins its windows anew. At least `graceMs`. */
  readonly rememberMs: number;
  /** A condition on the columns of the result: only windows for which it is true are put out. What was put out once goes on being refined. */
  readonly having?: Expression;
  /** Windows that changed are also put out every so many ms of event time before they close; their rows then say whether they are `early`. */
  readonly emit?: { readonly earlyEveryMs: number };
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
  /** Null: the key that the records have. */
  readonly key: Expression | null;
}

export type Terminal = WindowsTo | ProcessTo<never, never> | Into;

/** A flow and where it ends. */
export interface Plan {
  readonly input: Node;
  readonly end: Terminal;
}
