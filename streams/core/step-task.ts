import {
  CONTRACT_VERSION,
  type DeadLetter,
  decode,
  encode,
  HEADER,
  type Late,
  TOPICS,
  timestamp,
} from '../../contract/index.ts';
import type { Segment } from './compile.ts';
import { EventTime } from './event-time.ts';
import { compileExpression, type Evaluate } from './expressions.ts';
import type { Source } from './job.ts';
import { compileOperators, type Row, type Sink } from './operators.ts';
import { Processes } from './processes.ts';
import { Tables } from './tables.ts';
import type { InputRecord, OutputRecord, StateChange, Task } from './task.ts';
import { Upstreams, watermarkRecords } from './upstream.ts';
import { Windows } from './windows.ts';

/** Event time of a record on its way through a repartition topic, where its value may hold it no longer. */
const TIME = 'ts';
/** How often, in event time, watermarks are sent downstream. */
const WATERMARK_EVERY_MS = 1_000;
/** A window further ahead than this of the time its record was taken would be open for too long: the record is refused. */
const FUTURE_MS = 3_600_000;
/** Original bytes kept in a dead letter. */
const KEPT_BYTES = 4_096;
const EARLIEST = timestamp.minValue!;
const LATEST = timestamp.maxValue!;

type Read = (record: InputRecord) => void;

/** One partition of a declared step. */
export class StepTask implements Task {
  readonly #segment: Segment;
  readonly #partition: number;
  readonly #reads = new Map<string, Read>();
  readonly #time = new EventTime();
  readonly #upstreams: Upstreams | undefined;
  readonly #tables: Tables;
  readonly #windows: Windows | undefined;
  readonly #processes: Processes | undefined;
  #outputs: OutputRecord[] = [];
  #restored = false;

  constructor(segment: Segment, partition: number) {
    this.#segment = segment;
    this.#partition = partition;
    const put = (output: OutputRecord): void => {
      this.#outputs.push(output);
    };
    this.#tables = new Tables(segment.tables.map((topic) => topic.name));
    const { end } = segment;
    if (end.kind === 'windows') {
      this.#windows = new Windows(end, {
        origin: (name) => this.#upstreams?.origin ?? this.#time.origin(name),
        put,
        late: (late, record) => this.#putLate(late, record),
      });
    }
    if (end.kind === 'process') this.#processes = new Processes(end, put);
    const sink = compileOperators(segment.operators, this.#tables, this.#compileEnd());
    for (const { source, operators } of segment.sources) {
      this.#reads.set(source.topic.name, this.#compileSource(source, compileOperators(operators, this.#tables, sink)));
    }
    if (segment.internal !== null) {
      this.#upstreams = new Upstreams(segment.internal.upstreamTasks);
      this.#reads.set(segment.internal.topic, this.#compileInternal(segment.internal.topic, this.#upstreams, sink));
    }
    for (const topic of segment.tables) {
      this.#reads.set(topic.name, (record) => {
        const problem = this.#tables.take(topic, record);
        if (problem !== undefined) this.#refuse(topic.name, record, problem.code, problem.reason);
      });
    }
  }

  process(topic: string, record: InputRecord): void {
    if (this.#restored) this.#settle();
    const read = this.#reads.get(topic);
    try {
      read?.(record);
    } catch (error) {
      // A declared function threw, or an aggregate could not use its input: this record's fault or the job's, but no reason to stop the stream.
      this.#refuse(topic, record, 'JOB_FAILED', error instanceof Error ? error.message : String(error));
    }
  }

  tick(now: number): void {
    if (this.#restored) this.#settle();
    this.#processes?.tick(now);
    if (!this.#segment.timed || this.#upstreams !== undefined) return;
    const silent = this.#time.tick(now);
    for (const origin of silent) {
      this.#windows?.advance(origin);
      this.#windows?.silent(origin);
    }
    if (silent.length > 0) this.#sendWatermark();
  }

  #compileSource(source: Source, sink: Sink): Read {
    const topic = source.topic.name;
    const time = compileExpression(source.time);
    const originOf: Evaluate | null = source.origin && compileExpression(source.origin);
    const schema = source.trusted ? undefined : source.topic.schema;
    const { timed } = this.#segment;
    const row = { topic, ...(originOf === null && { origin: this.#time.origin(topic) }) } as Row;
    return (record) => {
      // A compacted topic says so that a key is no more; nothing happened at any time.
      if (record.value === null && source.topic.cleanup === 'compact') return;
      const value = decode(record.value);
      if (typeof value !== 'object' || value === null) {
        this.#refuse(topic, record, 'NOT_JSON', 'the value is not a JSON object');
        return;
      }
      if (schema !== undefined) {
        const checked = schema.safeParse(value);
        if (!checked.success) {
          const { path, message } = checked.error.issues[0]!;
          this.#refuse(topic, record, 'INVALID', `${path.join('.') || 'value'}: ${message}`);
          return;
        }
      }
      const ts = time(value) as number;
      if (!(Number.isInteger(ts) && ts >= EARLIEST && ts <= LATEST)) {
        this.#refuse(topic, record, 'TIME_INVALID', 'the event time is not a time in ms within the years 2000–2100');
        return;
      }
      row.value = value;
      row.ts = ts;
      row.record = record;
      if (!timed) return sink(row);
      if (ts > record.appendedAt + FUTURE_MS) {
        this.#refuse(
          topic,
          record,
          'TIME_IN_FUTURE',
          `the event time is ${ts - record.appendedAt} ms ahead of receipt`,
        );
        return;
      }
      if (originOf !== null) row.origin = this.#time.origin(String(originOf(value)));
      const before = row.origin.live;
      sink(row);
      if (!this.#time.advance(row.origin, ts, record, source.outOfOrderMs)) return;
      this.#windows?.advance(row.origin);
      if (Math.floor(before / WATERMARK_EVERY_MS) !== Math.floor(row.origin.live / WATERMARK_EVERY_MS))
        this.#sendWatermark();
    };
  }

  #compileInternal(topic: string, upstreams: Upstreams, sink: Sink): Read {
    const { origin } = upstreams;
    const row = { topic, origin } as Row;
    return (record) => {
      if (upstreams.take(record)) {
        this.#windows?.advance(origin);
        if (upstreams.combined().silent) this.#windows?.silent(origin);
        this.#sendWatermark();
        return;
      }
      row.value = decode(record.value);
      row.ts = Number(record.headers[TIME]);
      row.record = record;
      sink(row);
    };
  }

  #sendWatermark(): void {
    const { end, timed } = this.#segment;
    if (end.kind !== 'repartition' || !timed) return;
    const progress = (this.#upstreams ?? this.#time).combined();
    this.#outputs.push(...watermarkRecords(end.topic, end.partitions, this.#partition, progress));
  }

  #compileEnd(): Sink {
    const { end } = this.#segment;
    if (end.kind === 'windows') {
      const windows = this.#windows!;
      return (row) => {
        if (!windows.add(row.value, row.ts, row.origin, row.record)) this.#refuseKey(row);
      };
    }
    if (end.kind === 'process') {
      const processes = this.#processes!;
      return (row) => {
        if (!processes.step(row.value, row.ts)) this.#refuseKey(row);
      };
    }
    const key: Evaluate | null = end.kind === 'repartition' ? compileExpression(end.key) : null;
    const topic = end.kind === 'repartition' ? end.topic : end.topic.name;
    const { touched } = this.#segment;
    return (row) => {
      const to = key === null ? row.record.key : key(row.value);
      if (key !== null && to === null) return this.#refuseKey(row);
      const headers = { [HEADER.version]: CONTRACT_VERSION, ...(key !== null && { [TIME]: String(row.ts) }) };
      this.#outputs.push({
        topic,
        key: to === null ? null : String(to),
        value: touched ? encode(row.value) : row.record.value,
        headers,
      });
    };
  }

  #refuseKey({ topic, record }: Row): void {
    this.#refuse(topic, record, 'KEY_MISSING', 'a field by which the record is grouped is missing');
  }

  #refuse(topic: string, record: InputRecord, code: string, reason: string): void {
    const bytes = (record.value ?? Buffer.alloc(0)).subarray(0, KEPT_BYTES).toString('base64');
    const origin = `${topic}/${record.partition}@${record.offset}`;
    const letter: DeadLetter = { origin, code, reason, bytes, ts: record.appendedAt };
    this.#outputs.push({
      topic: TOPICS.deadLetters.name,
      key: origin,
      value: encode(letter),
      headers: { [HEADER.version]: CONTRACT_VERSION },
    });
  }

  #putLate(late: Omit<Late, 'topic' | 'step' | 'bytes'>, record: InputRecord): void {
    const topic = this.#segment.lateTopic;
    const value: Late = { topic, step: this.#segment.id, ...late, bytes: record.value!.toString('base64') };
    const headers = { [HEADER.version]: CONTRACT_VERSION };
    this.#outputs.push({ topic: TOPICS.late.name, key: topic, value: encode(value), headers });
  }

  takeOutputs(): OutputRecord[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  takeChanges(): StateChange[] {
    return [...this.#parts()].flatMap((part) => [...part.takeChanges()]);
  }

  *snapshot(): Iterable<StateChange> {
    if (this.#restored) this.#settle();
    for (const part of this.#parts()) yield* part.snapshot();
  }

  restore(changes: Iterable<StateChange>): void {
    const parts: Record<string, { restore(change: StateChange): void } | undefined> = {
      o: this.#time,
      u: this.#upstreams,
      t: this.#tables,
      s: this.#windows,
      w: this.#windows,
      p: this.#processes,
    };
    for (const change of changes) parts[change.key.charAt(0)]?.restore(change);
    this.#restored = true;
  }

  #settle(): void {
    this.#restored = false;
    this.#windows?.settle();
  }

  *#parts() {
    if (this.#upstreams !== undefined) yield this.#upstreams;
    else if (this.#segment.timed) yield this.#time;
    yield this.#tables;
    if (this.#windows !== undefined) yield this.#windows;
    if (this.#processes !== undefined) yield this.#processes;
  }
}
