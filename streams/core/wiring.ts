import { CONTRACT_VERSION, encode, HEADER } from '../../contract/index.ts';
import type { Segment, SegmentEnd } from './compile.ts';
import type { Origin, Passage, Progress } from './event-time.ts';
import { compileExpression, type Evaluate } from './expressions.ts';
import { entriesOf, inputsOf, originTopicOf } from './graph.ts';
import { compileOperator, fanOut, type Row, type Sink } from './operators.ts';
import type { Outbox } from './outbox.ts';
import type { Branch, Node } from './plan.ts';
import { Processes } from './processes.ts';
import { StreamJoin } from './stream-join.ts';
import type { Tables } from './tables.ts';
import { watermarkRecords } from './upstream.ts';
import { Windows } from './windows.ts';

/** Event time of a record on its way through a repartition topic, where its value may hold it no longer. */
export const TIME = 'ts';

/** How time passes where records enter a stage. */
export interface Entry extends Passage {
  originOf(name: string): Origin;
}

/** A stage's graph as functions: each hands its records to the next. */
export class Wiring {
  readonly joins: StreamJoin[] = [];
  readonly windows: Windows[] = [];
  readonly processes: Processes[] = [];
  /** Each tells downstream how far time has come: where that is what it told before, only when it is to tell it again. */
  readonly sendWatermark: ((again: boolean) => void)[] = [];
  readonly #segment: Segment;
  readonly #partition: number;
  readonly #tables: Tables;
  readonly #outbox: Outbox;
  readonly #entryOf: (node: Node) => Entry;
  readonly #sinks = new Map<Node, Sink>();
  readonly #joins = new Map<Node, StreamJoin>();
  readonly #ends = new Map<SegmentEnd, Sink>();

  /** @param entryOf for the sources and internal topics of the segment */
  constructor(
    segment: Segment,
    options: { partition: number; tables: Tables; outbox: Outbox; entryOf: (node: Node) => Entry },
  ) {
    this.#segment = segment;
    this.#partition = options.partition;
    this.#tables = options.tables;
    this.#outbox = options.outbox;
    this.#entryOf = options.entryOf;
    // In the order of the declaration, by which their states are named.
    for (const node of segment.nodes) if (node.kind === 'join') this.#makeJoin(node);
    for (const end of segment.ends) this.#ends.set(end, this.#compileEnd(end));
  }

  /** What becomes of a node's records: whatever takes them in this stage. */
  sinkOf(node: Node): Sink {
    let sink = this.#sinks.get(node);
    if (sink === undefined) {
      sink = node.kind === 'branch' ? this.#branch(node) : this.#followersOf(node);
      this.#sinks.set(node, sink);
    }
    return sink;
  }

  #followersOf(node: Node): Sink {
    const { nodes, ends } = this.#segment;
    const followers = nodes.flatMap((follower) =>
      inputsOf(follower).flatMap((input, i) =>
        input === node ? [{ sink: this.#through(follower, i), mutates: this.#mutates(follower) }] : [],
      ),
    );
    for (const end of ends)
      if (end.input === node) followers.push({ sink: this.#ends.get(end)!, mutates: end.end.kind === 'process' });
    // A declared function may give back a part of its argument, such as one record of a pair, which the join still holds.
    const isForeign = node.kind === 'operator' && (node.operator.kind === 'map' || node.operator.kind === 'flatMap');
    return fanOut(followers, isForeign);
  }

  /** Takes a record into a node by one of its inputs. */
  #through(node: Node, input: number): Sink {
    if (node.kind === 'operator') return compileOperator(node.operator, this.#tables, this.sinkOf(node));
    if (node.kind !== 'join') return this.sinkOf(node);
    const join = this.#joins.get(node)!;
    return (row) => {
      if (!join.add(input as 0 | 1, row)) this.#refuseKey(row);
    };
  }

  #mutates(node: Node): boolean {
    if (node.kind === 'join') return false;
    if (node.kind === 'operator' && node.operator.kind !== 'filter') return true;
    const { nodes, ends } = this.#segment;
    if (ends.some((end) => end.input === node && end.end.kind === 'process')) return true;
    return nodes.some((follower) => inputsOf(follower).includes(node) && this.#mutates(follower));
  }

  #branch(branch: Branch): Sink {
    const conditions = branch.conditions.map(compileExpression);
    const arms = Array.from({ length: conditions.length + 1 }, (_, index) => {
      const arm = this.#segment.nodes.find(
        (node) => node.kind === 'arm' && node.branch === branch && node.index === index,
      );
      return arm && this.sinkOf(arm);
    });
    return (row) => {
      let index = 0;
      while (index < conditions.length && conditions[index]!(row.value) !== true) index++;
      arms[index]?.(row);
    };
  }

  #makeJoin(node: Node & { kind: 'join' }): void {
    const topics = [originTopicOf(node.left), originTopicOf(node.right)] as const;
    // What follows is wired when the first record comes out.
    let next: Sink | undefined;
    const join = new StreamJoin(node, {
      partition: this.#partition,
      passages: [this.#passageOf(node.left), this.#passageOf(node.right)],
      topics,
      emit: (row) => {
        next ??= this.sinkOf(node);
        try {
          next(row);
        } catch (error) {
          // The join goes on: its other results are not to be lost with this one.
          const { topic, record, value } = row;
          this.#outbox.failed(topic, { ...record, value: record.value ?? encode(value) }, error);
        }
      },
      late: (late, topic, row) => this.#outbox.late(topic, late, row.value, row.record),
    });
    this.#joins.set(node, join);
    this.joins.push(join);
  }

  /** How time passes for a node's records. */
  #passageOf(node: Node): Passage {
    const parts: Passage[] = entriesOf(node).map((entry) =>
      entry.kind === 'join' ? this.#joins.get(entry)! : this.#entryOf(entry),
    );
    if (parts.length === 1) return parts[0]!;
    return {
      combined: () => parts.map((part) => part.combined()).reduce(slower),
      settled: () => Math.min(...parts.map((part) => part.settled())),
    };
  }

  #compileEnd({ input, end, touched, lateTopic }: SegmentEnd): Sink {
    const { put } = this.#outbox;
    if (end.kind === 'windows') {
      const windows = new Windows(end, {
        origin: this.#originsOf(input),
        put,
        late: (late, value, record) => this.#outbox.late(lateTopic, late, value, record),
      });
      this.windows.push(windows);
      return (row) => {
        if (!windows.add(row.value, row.ts, row.origin, row.record)) this.#refuseKey(row);
      };
    }
    if (end.kind === 'process') {
      const processes = new Processes(end, put, (series, error) => this.#outbox.tickFailed(series, error));
      this.processes.push(processes);
      return (row) => {
        if (!processes.step(row.value, row.ts)) this.#refuseKey(row);
      };
    }
    if (end.kind === 'repartition' && this.#segment.timed) {
      const passage = this.#passageOf(input);
      let told: Progress | undefined;
      this.sendWatermark.push((again) => {
        const progress = passage.combined();
        // With a thousand gateways most of what moves moves one that others are behind of.
        if (!again && told !== undefined && areSame(progress, told)) return;
        told = progress;
        for (const record of watermarkRecords(end.topic, end.partitions, this.#partition, progress)) put(record);
      });
    }
    const key: Evaluate | null = end.key && compileExpression(end.key);
    const isRepartition = end.kind === 'repartition';
    const topic = end.kind === 'repartition' ? end.topic : end.topic.name;
    return (row) => {
      const to = key === null ? row.record.key : key(row.value);
      if (key !== null && to === null) return this.#refuseKey(row);
      const headers = { [HEADER.version]: CONTRACT_VERSION, ...(isRepartition && { [TIME]: String(row.ts) }) };
      const value = touched ? encode(row.value) : row.record.value;
      put({ topic, key: to === null ? null : String(to), value, headers });
    };
  }

  #originsOf(input: Node): (name: string) => Origin {
    const [entry] = entriesOf(input);
    if (entry!.kind !== 'join') return (name) => this.#entryOf(entry!).originOf(name);
    return () => this.#joins.get(entry!)!.origin;
  }

  #refuseKey({ topic, record }: Row): void {
    this.#outbox.refuse(topic, record, 'KEY_MISSING', 'a field by which the record is grouped is missing');
  }
}

function areSame(a: Progress, b: Progress): boolean {
  return a.live === b.live && a.complete === b.complete && a.silent === b.silent;
}

function slower(a: Progress, b: Progress): Progress {
  const complete = a.complete === null || b.complete === null ? (a.complete ?? b.complete) : null;
  return {
    live: Math.min(a.live, b.live),
    complete: a.complete !== null && b.complete !== null ? Math.min(a.complete, b.complete) : complete,
    silent: a.silent && b.silent,
  };
}
