import Big from 'big.js';
import {
  type DeadLetter,
  type Late,
  type ReadingWindow,
  TOPICS,
  type TransactionWindow,
  type WebWindow,
} from '../../contract/index.ts';
import type { Store, Tally } from '../sinks/index.ts';
import type { Recent } from './recent.ts';

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
/** Tables sum up this much. */
const TABLE_MS = 5 * MINUTE;
const TABLE_ROWS = 12;

/** A stretch of time and the windows to show it with: at most about 700 of them. */
export interface Range {
  readonly from: number;
  readonly to: number;
  readonly windowMs: 10_000 | 60_000;
}

/** The last `minutes`, with the windows that are being filled now. */
export function rangeOf(minutes: number, now: number): Range {
  return { from: now - minutes * MINUTE, to: now + MINUTE, windowMs: minutes <= 60 ? 10_000 : 60_000 };
}

type Sized = 'readings' | 'webRequests' | 'transactions';
const topicOf = (of: Sized, range: Range) => (range.windowMs === 10_000 ? TOPICS[`${of}10s`] : TOPICS[`${of}1m`]).name;

/** A device's metric that can be chosen. `series` is null while it has no window yet. */
export interface SeriesView {
  readonly device: string;
  readonly metric: string;
  readonly unit: string;
  readonly gateway: string;
  readonly site: string | null;
  readonly type: string | null;
  readonly series: string | null;
  readonly ts: number;
  readonly value: number;
}

/** Every series of the last day, by device and metric: those with windows and those just heard of. */
export function seriesViews(store: Store, recent: Recent, now: number): SeriesView[] {
  const views = new Map<string, SeriesView>();
  for (const window of store.latest<ReadingWindow>(TOPICS.readings10s.name, now - DAY)) {
    const { device, metric, unit, gateway, site, type, series, windowEnd, mean } = window;
    const key = `${device} ${metric}`;
    // A device that moved to another gateway has a series of each.
    if ((views.get(key)?.ts ?? 0) > windowEnd) continue;
    views.set(key, { device, metric, unit, gateway, site, type, series, ts: windowEnd, value: mean });
  }
  for (const heard of recent.list()) {
    const key = `${heard.device} ${heard.metric}`;
    const known = views.get(key);
    views.set(key, { type: null, series: null, ...known, ...heard, site: known?.site ?? heard.site });
  }
  return [...views.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, view]) => view);
}

/** Windows of one series in columns, oldest first, with the anomalies found in it. */
export function readingsView(store: Store, series: string, range: Range) {
  const windows = store.series<ReadingWindow>(topicOf('readings', range), series, range.from, range.to);
  return {
    ...range,
    start: windows.map((w) => w.windowStart),
    mean: windows.map((w) => w.mean),
    min: windows.map((w) => w.min),
    max: windows.map((w) => w.max),
    count: windows.map((w) => w.count),
    anomalies: store.anomalies(200, { source: 'readings', series, from: range.from }),
  };
}

/** Means of the last windows of some series, for small charts: one row for each series, times as in `start`. */
export function sparksView(store: Store, series: readonly string[], now: number) {
  const range = rangeOf(10, now);
  return series.map((name) => {
    const windows = store.series<ReadingWindow>(topicOf('readings', range), name, range.from, range.to);
    return { series: name, start: windows.map((w) => w.windowStart), mean: windows.map((w) => w.mean) };
  });
}

/** Requests of all paths by window, the busiest paths, and response times of one: the series `chosen`, or the busiest. */
export function webView(store: Store, range: Range, chosen: string | undefined, now: number) {
  const topic = topicOf('webRequests', range);
  const recently = now - TABLE_MS;
  const tableTopic = TOPICS.webRequests10s.name;
  const paths = store.busiest(tableTopic, recently, range.to, TABLE_ROWS).map((series) => {
    const windows = store.series<WebWindow>(tableTopic, series, recently, range.to);
    const last = windows.at(-1)!;
    const count = windows.reduce((sum, w) => sum + w.count, 0);
    const errors = windows.reduce((sum, w) => sum + w.count * w.errorShare, 0);
    return {
      path: last.path,
      series,
      count,
      errorShare: count === 0 ? 0 : errors / count,
      p50: last.p50,
      p95: last.p95,
      p99: last.p99,
    };
  });
  const counts = store.counts(topic, range.from, range.to);
  const shown = paths.find((p) => p.series === chosen) ?? paths[0];
  const windows = shown ? store.series<WebWindow>(topic, shown.series, range.from, range.to) : [];
  return {
    ...range,
    tableMs: TABLE_MS,
    start: counts.map((c) => c.start),
    requestsPerSecond: counts.map((c) => (c.count * 1_000) / range.windowMs),
    errorShare: counts.map((c) => (c.count === 0 ? 0 : c.errors / c.count)),
    paths,
    pathCount: store.countSeries(tableTopic, recently, range.to),
    shown: {
      path: shown?.path ?? null,
      series: shown?.series ?? null,
      start: windows.map((w) => w.windowStart),
      p50: windows.map((w) => w.p50),
      p95: windows.map((w) => w.p95),
      p99: windows.map((w) => w.p99),
    },
  };
}

/** Transactions of all accounts by window, the busiest accounts, and the sums of one: the series `chosen`, or the busiest. */
export function transactionsView(store: Store, range: Range, chosen: string | undefined, now: number) {
  const topic = topicOf('transactions', range);
  const recently = now - TABLE_MS;
  const tableTopic = TOPICS.transactions10s.name;
  const accounts = store.busiest(tableTopic, recently, range.to, TABLE_ROWS).map((series) => {
    const windows = store.series<TransactionWindow>(tableTopic, series, recently, range.to);
    const last = windows.at(-1)!;
    return {
      account: last.account,
      currency: last.currency,
      series,
      count: windows.reduce((sum, w) => sum + w.count, 0),
      sum: windows.reduce((sum, w) => sum.plus(w.sum), new Big(0)).toFixed(2),
      max: windows.reduce((max, w) => (max.gte(w.max) ? max : new Big(w.max)), new Big(last.max)).toFixed(2),
    };
  });
  const counts = store.counts(topic, range.from, range.to);
  const shown = accounts.find((a) => a.series === chosen) ?? accounts[0];
  const windows = shown ? store.series<TransactionWindow>(topic, shown.series, range.from, range.to) : [];
  return {
    ...range,
    tableMs: TABLE_MS,
    start: counts.map((c) => c.start),
    perSecond: counts.map((c) => (c.count * 1_000) / range.windowMs),
    accounts,
    accountCount: store.countSeries(tableTopic, recently, range.to),
    shown: {
      account: shown?.account ?? null,
      series: shown?.series ?? null,
      currency: shown?.currency ?? null,
      start: windows.map((w) => w.windowStart),
      sum: windows.map((w) => Number(w.sum)),
      max: windows.map((w) => Number(w.max)),
    },
  };
}

/** What was not understood or came too late: counts by reason, and the latest ones with a glimpse of their bytes. */
export function refusedView(store: Store): {
  deadLetters: { byCode: Tally[]; latest: (Omit<DeadLetter, 'bytes'> & { glimpse: string })[] };
  late: { byStep: Tally[]; latest: (Omit<Late, 'bytes'> & { glimpse: string })[] };
} {
  const glimpsed = <T extends { bytes: string }>({ bytes, ...rest }: T) => ({ ...rest, glimpse: glimpse(bytes) });
  return {
    deadLetters: { byCode: store.tallies('dead-letters'), latest: store.deadLetters(30).map(glimpsed) },
    late: { byStep: store.tallies('late'), latest: store.late(30).map(glimpsed) },
  };
}

/** The first bytes as text, with a dot for each that is not printable. */
function glimpse(base64: string): string {
  const text = Buffer.from(base64.slice(0, 400), 'base64').toString('utf8');
  return text.replace(/[\p{C}\uFFFD]/gu, '·').slice(0, 200);
}
