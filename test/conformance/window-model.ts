/** Which records are in which window, as the documents of the two engines have it, and what its row then says. */
import { byPartition } from './inputs.ts';
import { groupOf, type Input, type Topology, type WindowRow } from './reference.ts';

export type Windowed = Topology & { readonly topology: 'tumbling' | 'hopping' | 'session' | 'rekeyed' };

/** A window and the records in it, in the order in which they came. `end` of a session is its last record's time. */
export interface Members {
  readonly key: string;
  readonly start: number;
  readonly end: number;
  readonly records: readonly Input[];
}

/** A record that one window did not take. Of a session it is known only by the record. */
export type LateFor = (id: number, windowStart: number) => boolean;

/** The starts of the fixed windows that a time lies in. */
function startsOf(ts: number, size: number, advance: number): number[] {
  const starts: number[] = [];
  for (let start = ts - (ts % advance); start > ts - size; start -= advance) starts.push(start);
  return starts;
}

function fixedOf(topology: Windowed): { size: number; advance: number } {
  if (topology.topology === 'session') throw new Error('sessions have no size');
  return { size: topology.size, advance: topology.topology === 'hopping' ? topology.advance : topology.size };
}

/** The windows of all records that are not late for them: what our engine has in the end. */
export function membersOf(topology: Windowed, inputs: readonly Input[], late: LateFor): Members[] {
  if (topology.topology === 'session') return sessionsOf(topology.gap, inputs, late);
  const { size, advance } = fixedOf(topology);
  const windows = new Map<string, Members & { records: Input[] }>();
  for (const record of inputs) {
    const key = topology.topology === 'rekeyed' ? groupOf(record) : record.key;
    for (const start of startsOf(record.ts, size, advance)) {
      if (late(record.id, start)) continue;
      const name = `${key} ${start}`;
      const window = windows.get(name);
      if (window === undefined) windows.set(name, { key, start, end: start + size, records: [record] });
      else window.records.push(record);
    }
  }
  return [...windows.values()];
}

function sessionsOf(gap: number, inputs: readonly Input[], late: LateFor): Members[] {
  const sessions: (Members & { end: number; records: Input[] })[] = [];
  for (const records of Map.groupBy(inputs, ({ key }) => key).values()) {
    const inTime = records.filter(({ id, ts }) => !late(id, ts)).sort((a, b) => a.ts - b.ts || a.id - b.id);
    for (const [n, record] of inTime.entries()) {
      const { key, ts } = record;
      const open = sessions.at(-1);
      if (n === 0 || ts - open!.end > gap) sessions.push({ key, start: ts, end: ts, records: [record] });
      else {
        open!.end = ts;
        open!.records.push(record);
      }
    }
  }
  return sessions;
}

/** The windows that Kafka Streams has: what is too old by the latest time that its partition has seen is dropped. */
export function membersInKafkaStreams(topology: Windowed, inputs: readonly Input[]): Members[] {
  const { grace } = topology;
  const parts = [...byPartition(inputs).values()];
  if (topology.topology === 'session')
    return parts.flatMap((part) => sessionsInKafkaStreams(topology.gap, grace, part));
  const { size } = fixedOf(topology);
  const late = new Set<string>();
  for (const part of parts) {
    let streamTime = 0;
    for (const { id, ts } of part) {
      streamTime = Math.max(streamTime, ts);
      for (const start of startsOf(ts, size, fixedOf(topology).advance))
        if (start + size <= streamTime - grace) late.add(`${id} ${start}`);
    }
  }
  return membersOf(topology, inputs, (id, start) => late.has(`${id} ${start}`));
}

/** A record joins the sessions near it that are not closed; together they are late when even the last record of them is. */
function sessionsInKafkaStreams(gap: number, grace: number, inputs: readonly Input[]): Members[] {
  const closed: Members[] = [];
  let open: Members[] = [];
  let streamTime = 0;
  for (const record of inputs) {
    const { key, ts } = record;
    const isOpen = ({ end }: Members) => end > streamTime - gap - grace;
    closed.push(...open.filter((session) => !isOpen(session)));
    open = open.filter(isOpen);
    const near = open.filter((one) => one.key === key && one.end >= ts - gap && one.start <= ts + gap);
    streamTime = Math.max(streamTime, ts);
    const end = Math.max(ts, ...near.map((one) => one.end));
    if (end < streamTime - gap - grace) continue;
    const records = [...near.flatMap((one) => one.records), record].sort((a, b) => a.id - b.id);
    open = open.filter((one) => !near.includes(one));
    open.push({ key, start: Math.min(ts, ...near.map((one) => one.start)), end, records });
  }
  return [...closed, ...open];
}

/** As money is written, without zeroes at its end. */
const decimalOf = (cents: number) => String(Number((cents / 100).toFixed(2)));

/** What anyone would write down for a window from its records. */
export function rowOf({ key, start, end, records }: Members): WindowRow {
  const values = records.map(({ v }) => v!);
  const ordered = records.toSorted((a, b) => a.ts - b.ts || a.id - b.id);
  const total = values.reduce((a, b) => a + b, 0);
  const average = total / values.length;
  const cents = values.map((v) => Math.round(v * 100));
  const sorted = values.toSorted((a, b) => a - b);
  const at = (q: number) => sorted[Math.floor(q * (sorted.length - 1))]!;
  const counts = Array.from(Map.groupBy(values, String), ([value, same]): [string, number] => [value, same.length]);
  return {
    ...{ key, start, end, count: values.length, sum: total, mean: average },
    ...{ min: Math.min(...values), max: Math.max(...values) },
    variance: values.reduce((a, b) => a + (b - average) ** 2, 0) / values.length,
    ...{ first: ordered[0]!.v!, last: ordered.at(-1)!.v! },
    ...{ range: Math.max(...values) - Math.min(...values), share: values.filter((v) => v > 0).length / values.length },
    ...{ total: decimalOf(cents.reduce((a, b) => a + b, 0)), most: decimalOf(Math.max(...cents)) },
    ...{ different: counts.length, p50: at(0.5), p90: at(0.9) },
    often: counts
      .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
      .slice(0, 3)
      .map(([value, n]) => ({ value, count: n, error: 0 })),
  };
}
