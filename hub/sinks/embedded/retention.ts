import type { DatabaseSync } from 'node:sqlite';
import { TOPICS } from '../../../contract/index.ts';
import { addTo } from './tallies.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** How long results are kept, in ms of event time, and how many at most. */
export interface Retention {
  readonly keepMs: number;
  readonly maxRows: number;
}

const TEN_SECONDS: Retention = { keepMs: DAY, maxRows: 500_000 };
const ONE_MINUTE: Retention = { keepMs: 30 * DAY, maxRows: 1_000_000 };

export const WINDOW_RETENTION: Readonly<Record<string, Retention>> = {
  [TOPICS.readings10s.name]: TEN_SECONDS,
  [TOPICS.readings1m.name]: ONE_MINUTE,
  [TOPICS.sites1m.name]: ONE_MINUTE,
  [TOPICS.comfort1m.name]: ONE_MINUTE,
  [TOPICS.siteComfort1m.name]: ONE_MINUTE,
  [TOPICS.webRequests10s.name]: TEN_SECONDS,
  [TOPICS.webRequests1m.name]: ONE_MINUTE,
  [TOPICS.webSite10s.name]: TEN_SECONDS,
  [TOPICS.webSite1m.name]: ONE_MINUTE,
  [TOPICS.transactions10s.name]: TEN_SECONDS,
  [TOPICS.transactions1m.name]: ONE_MINUTE,
  [TOPICS.episodes.name]: ONE_MINUTE,
};

/** Of windows of a job that was added to the hub. */
export const OWN_RETENTION: Retention = { keepMs: 7 * DAY, maxRows: 500_000 };

/** Rows of dead letters and of late records that are kept to be looked at; their counts are kept for ever. */
export const KEPT_REFUSED = 500;

/** Deletes at most `step` rows of each kind that are too old or too many, oldest first; gives how many it deleted. */
export type Prune = (now: number, step: number) => number;

export function preparePrune(db: DatabaseSync, retention: Readonly<Record<string, Retention>>): Prune {
  const add = addTo(db);
  const rowsOf = db.prepare(`SELECT count FROM tallies WHERE kind = 'rows' AND name = ?`);
  const old = db.prepare(
    `DELETE FROM windows WHERE (topic, series, start) IN
      (SELECT topic, series, start FROM windows WHERE topic = ? AND start < ? ORDER BY start LIMIT ?)`,
  );
  const series = db.prepare(
    `DELETE FROM series WHERE (topic, series) IN (SELECT topic, series FROM series WHERE topic = ? AND start < ? LIMIT ?)`,
  );
  const others = [
    db.prepare('DELETE FROM anomalies WHERE id IN (SELECT id FROM anomalies WHERE ts < ? ORDER BY ts LIMIT ?)'),
    db.prepare(`DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE ts < ? AND state = 'resolved' LIMIT ?)`),
    db.prepare('DELETE FROM health WHERE process IN (SELECT process FROM health WHERE seen < ? LIMIT ?)'),
  ];

  return (now, step) => {
    let deleted = 0;
    for (const [topic, { keepMs, maxRows }] of Object.entries(retention)) {
      let gone = Number(old.run(topic, now - keepMs, step).changes);
      const excess = Number(rowsOf.get(topic)?.count ?? 0) - gone - maxRows;
      if (excess > 0) gone += Number(old.run(topic, Number.MAX_SAFE_INTEGER, Math.min(excess, step)).changes);
      if (gone > 0) add('rows', topic, -gone);
      deleted += gone + Number(series.run(topic, now - keepMs, step).changes);
    }
    for (const statement of others) deleted += Number(statement.run(now - 30 * DAY, step).changes);
    return deleted;
  };
}

/**
 * Gives a retention of nothing for topics that nobody wants any more, such as those of a job that was taken from the hub, and forgets how far they
 * were read: should one be wanted again, it is read anew.
 */
export function giveUp(db: DatabaseSync, wanted: readonly string[]): Record<string, Retention> {
  const stored = db.prepare(`SELECT name FROM tallies WHERE kind = 'rows'`).all();
  const others = stored.map(({ name }) => String(name)).filter((name) => !wanted.includes(name));
  const forget = db.prepare('DELETE FROM positions WHERE topic = ?');
  for (const topic of others) forget.run(topic);
  return Object.fromEntries(others.map((topic) => [topic, { keepMs: 0, maxRows: 0 }]));
}
