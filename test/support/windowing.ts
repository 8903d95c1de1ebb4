import { HEADER, TOPICS, type Topic } from '../../contract/index.ts';
import { openProducer } from '../../kafka/index.ts';
import { compile, count, field, from, job, max, min, type Step } from '../../streams/core/index.ts';
import { type Clock, systemClock } from '../../streams/runtime/index.ts';
import { PARTITIONS, type TestBed } from './testbed.ts';

export interface WindowingOptions {
  readonly kind: 'windowing';
  readonly id: string;
  readonly input: string;
  /** Results by series, a window a minute. */
  readonly output: string;
  /** Results by site, over all gateways, where wanted, and for how long these take what comes later. */
  readonly sites?: { readonly to: string; readonly graceMs: number };
  readonly commitEveryMs?: number;
  /** The time when a process begins, by its clock, ms since the epoch; the clock stands still unless given, so that results depend on the records alone. */
  readonly now?: number;
}

export interface Measured {
  readonly series: string;
  readonly gateway: string;
  readonly site: string;
  readonly ts: number;
  readonly v: number;
}

export interface WindowRow {
  readonly series: string;
  readonly windowStart: number;
  readonly revision: number;
  readonly count: number;
  readonly min: number;
  readonly max: number;
}

export const MINUTE = 60_000;
/** Before any clock that a test could run by. */
export const T0 = Date.UTC(2025, 0, 6);
/** Where records go that no window takes. */
export const REFUSED = [TOPICS.late.name, TOPICS.deadLetters.name];
/** Nobody falls silent by it. */
export const STILL: Clock = { now: () => T0, after: systemClock.after };

export function clockOf({ now }: WindowingOptions): Clock {
  if (now === undefined) return STILL;
  const ahead = now - Date.now();
  return { now: () => Date.now() + ahead, after: systemClock.after };
}

/** Windows of a minute by series, each of which keeps its gateway's time; and by site, over all gateways. */
export function windowingSteps(options: WindowingOptions): Step[] {
  const { id, input, output, sites, commitEveryMs = 30 } = options;
  const source = from<Measured>(topic(input), { origin: field('gateway'), trusted: true });
  const select = { count: count(), min: min(field('v')), max: max(field('v')) };
  const sizesTo = (name: string) => [{ ms: MINUTE, to: topic(name) }];
  const plans = [
    source.windows({ by: { gateway: field('gateway'), name: field('series') }, sizes: sizesTo(output), select }),
  ];
  if (sites !== undefined) {
    const { to, graceMs } = sites;
    const bySite = source.keyBy('site', field('site'));
    plans.push(bySite.windows({ by: { site: field('site') }, sizes: sizesTo(to), select, graceMs }));
  }
  return compile(job(id, plans, { commitEveryMs }));
}

/** What windows of a minute hold in the end, by series and start. */
export function windowsOf(records: readonly Measured[], seriesOf: (record: Measured) => string) {
  const windows = Map.groupBy(records, (record) => `${seriesOf(record)} ${record.ts - (record.ts % MINUTE)}`);
  return new Map(
    Array.from(windows, ([window, of]) => {
      const values = of.map(({ v }) => v);
      return [window, { count: of.length, min: Math.min(...values), max: Math.max(...values) }];
    }),
  );
}

/** The last word on each window. @throws where a revision is missing, or holds less than the one before it */
export function lastRows(rows: readonly WindowRow[]) {
  const last = new Map<string, WindowRow>();
  for (const row of rows) {
    const window = `${row.series} ${row.windowStart}`;
    const before = last.get(window);
    if (row.revision !== (before?.revision ?? -1) + 1 || row.count < (before?.count ?? 0)) {
      throw new Error(`after ${JSON.stringify(before)} came ${JSON.stringify(row)}`);
    }
    last.set(window, row);
  }
  return new Map(Array.from(last, ([window, { count, min, max }]) => [window, { count, min, max }]));
}

export type Lane = 'live' | 'backlog';

export interface Sent extends Measured {
  readonly lane?: Lane;
  /** Whether its gateway says that it still holds a backlog. */
  readonly holdsBacklog?: boolean;
}

/** Sends records to a topic in order, each into the partition of its gateway. */
export async function openSender(bed: TestBed, to: string, partitionOf = (_gateway: string) => 0) {
  const producer = await openProducer(bed.as('admin'));
  return {
    async send(...sent: readonly Sent[]) {
      const records = sent.map(({ lane = 'live', holdsBacklog = false, ...value }) => {
        const headers = { [HEADER.lane]: lane, ...(holdsBacklog && { [HEADER.backlog]: '1' }) };
        return { key: null, value: JSON.stringify(value), headers, partition: partitionOf(value.gateway) };
      });
      await producer.send([{ topic: to, records }]);
    },
    close: () => producer.close(),
  };
}

function topic(name: string): Topic {
  return { name, key: '', partitions: PARTITIONS, cleanup: 'delete', retentionMs: -1, description: '' };
}
