import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { Alert, Anomaly, DeadLetter, GatewayStatus, Health, Late, Notification } from '../../../contract/index.ts';
import type { Seen, WindowValue } from './results.ts';

type Row = Record<string, SQLOutputValue>;

/** Totals the store can answer for; see `Summary` of the page for their meaning to people. */
export interface Totals {
  readonly windows: number;
  readonly anomalies: number;
  readonly deadLetters: number;
  readonly late: number;
  readonly unreadable: number;
  readonly alertsFiring: number;
}

/** A gateway as it last described itself, and its counts over all lives of its buffer. */
export interface GatewayView extends Seen<GatewayStatus> {
  readonly counts: GatewayStatus['counts'];
}

export interface Tally {
  readonly name: string;
  readonly count: number;
}

/** Read access to stored results. Times are ms since the epoch; `from` is included, `to` is not. */
export interface Queries {
  totals(): Totals;
  gateways(): GatewayView[];
  health(): Seen<Health>[];
  /** Firing first, then pending, then resolved; the latest first. */
  alerts(limit: number): Alert[];
  /** The latest first, each with its offset. */
  notifications(limit: number): { at: number; value: Notification }[];
  /** The latest first; only those of one source and series where they are given. */
  anomalies(limit: number, of?: { source: Anomaly['source']; series: string; from: number }): Anomaly[];
  /** Of a topic whose latest record of each key counts, these records, by key. */
  current<T>(topic: string): T[];
  deadLetters(limit: number): DeadLetter[];
  late(limit: number): Late[];
  tallies(kind: 'dead-letters' | 'late'): Tally[];
  /** The latest window of each series of a topic. */
  latest<T extends WindowValue>(topic: string, since: number): T[];
  /** Windows of one series in order of time. */
  series<T extends WindowValue>(topic: string, series: string, from: number, to: number): T[];
  /** Windows of all series that begin between two times, the latest first. */
  newest<T extends WindowValue>(topic: string, from: number, to: number, limit: number): T[];
  /** The series of a topic with the highest count between two times. */
  busiest(topic: string, from: number, to: number, limit: number): string[];
  /** Counts of all series of a topic by window. `errors` is the sum of count × errorShare where the windows have that. */
  counts(topic: string, from: number, to: number): { start: number; count: number; errors: number }[];
  /** How many series have a window between two times. */
  countSeries(topic: string, from: number, to: number): number;
}

const ALERTS = `SELECT value FROM alerts
  ORDER BY CASE state WHEN 'firing' THEN 0 WHEN 'pending' THEN 1 ELSE 2 END, ts DESC LIMIT ?`;

export function prepareQueries(db: DatabaseSync): Queries {
  const tallied = db.prepare('SELECT kind, sum(count) AS count FROM tallies GROUP BY kind');
  const firing = db.prepare(`SELECT count(*) AS count FROM alerts WHERE state = 'firing'`);
  const gateways = db.prepare('SELECT seen, value FROM gateways ORDER BY gateway, seen');
  const health = db.prepare('SELECT seen, value FROM health ORDER BY process');
  const alerts = db.prepare(ALERTS);
  const notifications = db.prepare('SELECT at, value FROM notifications ORDER BY at DESC LIMIT ?');
  const anomalies = db.prepare('SELECT value FROM anomalies ORDER BY ts DESC LIMIT ?');
  const anomaliesOf = db.prepare(
    'SELECT value FROM anomalies WHERE source = ? AND series = ? AND ts >= ? ORDER BY ts DESC LIMIT ?',
  );
  const current = db.prepare('SELECT value FROM current WHERE topic = ? ORDER BY key');
  const refused = db.prepare('SELECT value FROM refused WHERE kind = ? ORDER BY id DESC LIMIT ?');
  const tallies = db.prepare('SELECT name, count FROM tallies WHERE kind = ? ORDER BY count DESC, name LIMIT 50');
  const latest = db.prepare('SELECT value FROM series WHERE topic = ? AND start >= ? ORDER BY series');
  const series = db.prepare(
    'SELECT value FROM windows WHERE topic = ? AND series = ? AND start >= ? AND start < ? ORDER BY start',
  );
  const newest = db.prepare(
    'SELECT value FROM windows WHERE topic = ? AND start >= ? AND start < ? ORDER BY start DESC, series LIMIT ?',
  );
  const busiest = db.prepare(
    `SELECT series FROM windows WHERE topic = ? AND start >= ? AND start < ?
      GROUP BY series ORDER BY sum(count) DESC, series LIMIT ?`,
  );
  const counts = db.prepare(
    `SELECT start, sum(count) AS count, sum(errors) AS errors FROM windows
      WHERE topic = ? AND start >= ? AND start < ? GROUP BY start ORDER BY start`,
  );
  const countSeries = db.prepare(
    'SELECT count(DISTINCT series) AS count FROM windows WHERE topic = ? AND start >= ? AND start < ?',
  );

  return {
    totals() {
      const by = new Map(tallied.all().map((row) => [row.kind, Number(row.count)]));
      return {
        windows: by.get('windows') ?? 0,
        anomalies: by.get('anomalies') ?? 0,
        deadLetters: by.get('dead-letters') ?? 0,
        late: by.get('late') ?? 0,
        unreadable: by.get('unreadable') ?? 0,
        alertsFiring: Number(firing.get()?.count),
      };
    },
    gateways: () => overLives(gateways.all().map(seen<GatewayStatus>)),
    health: () => health.all().map(seen<Health>),
    alerts: (limit) => alerts.all(limit).map(value<Alert>),
    notifications: (limit) =>
      notifications.all(limit).map((row) => ({ at: Number(row.at), value: value<Notification>(row) })),
    anomalies: (limit, of) =>
      (of ? anomaliesOf.all(of.source, of.series, of.from, limit) : anomalies.all(limit)).map(value<Anomaly>),
    current: <T>(topic: string) => current.all(topic).map(value<T>),
    deadLetters: (limit) => refused.all('dead-letters', limit).map(value<DeadLetter>),
    late: (limit) => refused.all('late', limit).map(value<Late>),
    tallies: (kind) => tallies.all(kind).map((row) => ({ name: String(row.name), count: Number(row.count) })),
    latest: <T>(topic: string, since: number) => latest.all(topic, since).map(value<T>),
    series: <T>(topic: string, name: string, from: number, to: number) =>
      series.all(topic, name, from, to).map(value<T>),
    newest: <T>(topic: string, from: number, to: number, limit: number) =>
      newest.all(topic, from, to, limit).map(value<T>),
    busiest: (topic, from, to, limit) => busiest.all(topic, from, to, limit).map((row) => String(row.series)),
    counts: (topic, from, to) =>
      counts.all(topic, from, to).map((row) => ({
        start: Number(row.start),
        count: Number(row.count),
        errors: Number(row.errors),
      })),
    countSeries: (topic, from, to) => Number(countSeries.get(topic, from, to)?.count),
  };
}

// What is stored was validated before it was written.
function value<T>(row: Row): T {
  return JSON.parse(String(row.value)) as T;
}

function seen<T>(row: Row): Seen<T> {
  return { value: value<T>(row), seenAt: Number(row.seen) };
}

/** One view for each gateway: its latest status, with the counts of all its lives added up. Rows of one gateway come oldest first. */
function overLives(lives: readonly Seen<GatewayStatus>[]): GatewayView[] {
  const views = new Map<string, GatewayView>();
  for (const life of lives) {
    const before = views.get(life.value.gateway)?.counts;
    const counts = { ...life.value.counts };
    if (before) for (const key of Object.keys(counts) as (keyof typeof counts)[]) counts[key] += before[key];
    views.set(life.value.gateway, { ...life, counts });
  }
  return [...views.values()];
}
