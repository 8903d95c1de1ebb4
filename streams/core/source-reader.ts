import { decode, timestamp } from '../../contract/index.ts';
import type { EventTime, Origin } from './event-time.ts';
import { compileExpression } from './expressions.ts';
import type { Row, Sink } from './operators.ts';
import type { Outbox } from './outbox.ts';
import type { Source } from './plan.ts';
import type { InputRecord } from './task.ts';

/** A window further ahead than this of the time its record was taken would be open for too long: the record is refused. */
const FUTURE_MS = 3_600_000;
/** How often, in event time, it is looked how far all origins have come together. */
const LOOK_EVERY_MS = 1_000;
const EARLIEST = timestamp.minValue!;
const LATEST = timestamp.maxValue!;

export interface SourceReaderOptions {
  readonly outbox: Outbox;
  /** Undefined where time does not matter. */
  readonly timed: boolean;
  readonly time: EventTime;
  readonly sink: Sink;
  /** An origin's watermarks moved; `live` or `complete` into another second. */
  readonly onMoved: (origin: Origin, liveSecond: boolean, completeSecond: boolean) => void;
}

/** Makes the function that reads a source's records: decodes them, checks them, finds their time, hands them on, and takes note of their time. */
export function sourceReader(source: Source, options: SourceReaderOptions): (record: InputRecord) => void {
  const { outbox, timed, time, sink, onMoved } = options;
  const topic = source.topic.name;
  const timeOf = compileExpression(source.time);
  const originOf = source.origin && compileExpression(source.origin);
  const schema = source.trusted ? undefined : source.topic.schema;
  const row = { topic, ...(originOf === null && { origin: time.originOf(topic) }) } as Row;
  return (record) => {
    // A compacted topic says so that a key is no more; nothing happened at any time.
    if (record.value === null && source.topic.cleanup === 'compact') return;
    const value = decode(record.value);
    if (typeof value !== 'object' || value === null) {
      outbox.refuse(topic, record, 'NOT_JSON', 'the value is not a JSON object');
      return;
    }
    if (schema !== undefined) {
      const checked = schema.safeParse(value);
      if (!checked.success) {
        const { path, message } = checked.error.issues[0]!;
        outbox.refuse(topic, record, 'INVALID', `${path.join('.') || 'value'}: ${message}`);
        return;
      }
    }
    const ts = timeOf(value) as number;
    if (!(Number.isInteger(ts) && ts >= EARLIEST && ts <= LATEST)) {
      const reason = 'the event time is not a time in ms within the years 2000–2100';
      outbox.refuse(topic, record, 'TIME_INVALID', reason);
      return;
    }
    row.value = value;
    row.ts = ts;
    row.record = record;
    if (!timed) return sink(row);
    if (ts > record.appendedAt + FUTURE_MS) {
      const reason = `the event time is ${ts - record.appendedAt} ms ahead of receipt`;
      outbox.refuse(topic, record, 'TIME_IN_FUTURE', reason);
      return;
    }
    if (originOf !== null) row.origin = time.originOf(String(originOf(value)));
    const { origin } = row;
    const { live, complete } = origin;
    sink(row);
    if (!time.advance(origin, ts, record, source.outOfOrderMs)) return;
    onMoved(origin, secondOf(live) !== secondOf(origin.live), secondOf(complete) !== secondOf(origin.complete));
  };
}

function secondOf(ms: number): number {
  return Math.floor(ms / LOOK_EVERY_MS);
}
