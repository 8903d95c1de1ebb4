import { decode } from '../../contract/index.ts';
import type { Segment } from './compile.ts';
import { EventTime, type Origin } from './event-time.ts';
import type { Row, Sink } from './operators.ts';
import { Outbox } from './outbox.ts';
import type { Node } from './plan.ts';
import { SAVED_LETTERS } from './saved-series.ts';
import { sourceReader } from './source-reader.ts';
import { Tables } from './tables.ts';
import type { InputRecord, OutputRecord, StateChange, Task, TaskFigures } from './task.ts';
import { Upstreams } from './upstream.ts';
import { type Entry, TIME, Wiring } from './wiring.ts';

type Read = (record: InputRecord) => void;

/** A part of a task's state. The keys of its entries begin with a letter of its own. */
interface Part {
  takeChanges(): Iterable<StateChange>;
  snapshot(): Iterable<StateChange>;
  restore(change: StateChange): void;
  settle?(): void;
  /** How many entries it has, where they may be many. */
  readonly size?: number;
}

/** Which parts hold the entries of which letter. */
const LETTERS: Readonly<Record<string, keyof Parts>> = {
  u: 'upstreams',
  o: 'times',
  t: 'tables',
  p: 'processes',
  j: 'joins',
  ...Object.fromEntries(Array.from(SAVED_LETTERS, (letter) => [letter, 'windows' as const])),
};

interface Parts {
  readonly upstreams: readonly Part[];
  readonly times: readonly Part[];
  readonly tables: readonly Part[];
  readonly joins: readonly Part[];
  readonly windows: readonly Part[];
  readonly processes: readonly Part[];
}

/** One partition of a declared step. */
export class StepTask implements Task {
  readonly #segment: Segment;
  readonly #reads = new Map<string, Read>();
  /** By source topic: one may be read far ahead of another. */
  readonly #times = new Map<string, EventTime>();
  readonly #outbox: Outbox;
  readonly #wiring: Wiring;
  readonly #parts: Parts;
  #restored = false;

  constructor(segment: Segment, partition: number) {
    this.#segment = segment;
    this.#outbox = new Outbox(segment.id);
    const tables = new Tables(segment.tables);
    for (const { source } of segment.sources) this.#times.set(source.topic.name, new EventTime());
    const upstreams = new Map<Node, Upstreams>();
    for (const { node, upstreamTasks } of segment.internals) upstreams.set(node, new Upstreams(upstreamTasks));
    const entryOf = (node: Node): Entry =>
      node.kind === 'source' ? this.#times.get(node.source.topic.name)! : upstreams.get(node)!;
    this.#wiring = new Wiring(segment, { partition, tables, outbox: this.#outbox, entryOf });
    const { joins, windows, processes } = this.#wiring;
    const times = segment.timed ? [...this.#times.values()] : [];
    this.#parts = { upstreams: [...upstreams.values()], times, tables: [tables], joins, windows, processes };
    this.#readInputs(upstreams, tables);
  }

  #readInputs(upstreams: ReadonlyMap<Node, Upstreams>, tables: Tables): void {
    const { sources, internals, timed } = this.#segment;
    for (const node of sources) {
      const { source } = node;
      const read = sourceReader(source, {
        outbox: this.#outbox,
        timed,
        time: this.#times.get(source.topic.name)!,
        sink: this.#wiring.sinkOf(node),
        onMoved: (origin, liveSecond, completeSecond) => {
          for (const windows of this.#wiring.windows) windows.advance(origin);
          if (liveSecond || completeSecond) this.#advanceJoins();
          if (liveSecond) this.#sendWatermarks(false);
        },
      });
      this.#reads.set(source.topic.name, read);
    }
    for (const { node, topic } of internals) {
      this.#reads.set(topic, this.#internalReader(topic, upstreams.get(node)!, this.#wiring.sinkOf(node)));
    }
    for (const table of this.#segment.tables) {
      this.#reads.set(table.topic.name, (record) => {
        const problem = tables.take(table, record);
        if (problem !== undefined) this.#outbox.refuse(table.topic.name, record, problem.code, problem.reason);
      });
    }
  }

  #internalReader(topic: string, upstreams: Upstreams, sink: Sink): Read {
    const { origin } = upstreams;
    const row = { topic, origin } as Row;
    return (record) => {
      if (upstreams.take(record)) {
        this.#moved(origin, upstreams.combined().silent);
        this.#advanceJoins();
        this.#sendWatermarks(true);
        return;
      }
      row.value = decode(record.value);
      row.ts = Number(record.headers[TIME]);
      row.record = record;
      sink(row);
    };
  }

  process(topic: string, record: InputRecord): void {
    if (this.#restored) this.#settle();
    const read = this.#reads.get(topic);
    this.#outbox.at(record.appendedAt);
    try {
      read?.(record);
    } catch (error) {
      this.#outbox.failed(topic, record, error);
    }
  }

  tick(now: number, behind?: (topic: string) => boolean): void {
    if (this.#restored) this.#settle();
    this.#outbox.at(now);
    for (const processes of this.#wiring.processes) processes.tick(now);
    if (!this.#segment.timed || this.#times.size === 0) return;
    let quiet = false;
    for (const [topic, time] of this.#times) {
      time.tick(now, behind?.(topic) === true, (origin, silent) => {
        this.#moved(origin, silent);
        quiet = true;
      });
      if (time.isEmpty) quiet = true;
    }
    if (!quiet) return;
    this.#advanceJoins();
    this.#sendWatermarks(true);
  }

  #moved(origin: Origin, silent: boolean): void {
    for (const windows of this.#wiring.windows) {
      windows.advance(origin);
      if (silent) windows.silent(origin);
    }
  }

  #advanceJoins(): void {
    for (const join of this.#wiring.joins) if (join.advance()) this.#moved(join.origin, join.combined().silent);
  }

  #sendWatermarks(again: boolean): void {
    for (const send of this.#wiring.sendWatermark) send(again);
  }

  takeOutputs(): OutputRecord[] {
    return this.#outbox.take();
  }

  *takeChanges(): Iterable<StateChange> {
    for (const [part, prefix] of this.#all()) {
      for (const change of part.takeChanges())
        yield prefix === '' ? change : { key: prefix + change.key, value: change.value };
    }
  }

  *snapshot(): Iterable<StateChange> {
    if (this.#restored) this.#settle();
    for (const [part, prefix] of this.#all()) {
      for (const change of part.snapshot())
        yield prefix === '' ? change : { key: prefix + change.key, value: change.value };
    }
  }

  restore(changes: Iterable<StateChange>): void {
    for (const change of changes) {
      const { key, value } = change;
      const name = LETTERS[key.charAt(0)];
      if (name !== undefined) {
        this.#parts[name][0]?.restore(change);
        continue;
      }
      const behind = key.indexOf(':') + 1;
      const numbered = LETTERS[key.charAt(behind)];
      const part = numbered && this.#parts[numbered][Number(key.slice(0, behind - 1))];
      part?.restore({ key: key.slice(behind), value });
    }
    this.#restored = true;
  }

  figures(): TaskFigures {
    if (this.#restored) this.#settle();
    const passages = [...this.#times.values(), ...(this.#parts.upstreams as readonly Upstreams[])];
    const watermark = Math.min(...passages.map((passage) => passage.combined().live));
    const known = this.#segment.timed && Number.isFinite(watermark) && watermark > 0;
    const sizeOf = (parts: readonly Part[]) => parts.reduce((sum, { size = 0 }) => sum + size, 0);
    return {
      watermark: known ? watermark : undefined,
      entries: Object.values(this.#parts).reduce((sum, parts) => sum + sizeOf(parts), 0),
      held: sizeOf(this.#parts.joins),
    };
  }

  #settle(): void {
    this.#restored = false;
    for (const [part] of this.#all()) part.settle?.();
  }

  /** Where a step has several parts of a kind, the keys of those after the first begin with their number. */
  *#all(): Iterable<[part: Part, prefix: string]> {
    for (const parts of Object.values(this.#parts) as (readonly Part[])[]) {
      for (const [number, part] of parts.entries()) yield [part, number === 0 ? '' : `${number}:`];
    }
  }
}
