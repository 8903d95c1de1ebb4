import type { DatabaseSync } from 'node:sqlite';
import type { Results } from './results.ts';
import { KEPT_REFUSED, type Retention } from './retention.ts';
import { addTo } from './tallies.ts';

/** A window that far ahead comes from a wrong clock and must not stay the latest of its series. */
const FUTURE_MS = 60_000;

/** Writes results inside the caller's transaction. `now` decides what is too old to be kept, ms since the epoch. */
export type Write = (topic: string, results: Results, now: number) => void;

export function prepareWrite(db: DatabaseSync, retention: Readonly<Record<string, Retention>>): Write {
  const add = addTo(db);
  const insertWindow = db.prepare(
    `INSERT INTO windows (topic, series, start, revision, count, errors, value) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  );
  const reviseWindow = db.prepare(
    `UPDATE windows SET revision = ?4, count = ?5, errors = ?6, value = ?7 WHERE topic = ?1 AND series = ?2 AND start = ?3 AND revision < ?4`,
  );
  const latestWindow = db.prepare(
    `INSERT INTO series (topic, series, start, value) VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET start = excluded.start, value = excluded.value WHERE excluded.start >= start OR start > ?`,
  );
  const anomaly = db.prepare(
    'INSERT INTO anomalies (id, source, series, ts, value) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const alert = db.prepare(
    `INSERT INTO alerts (id, state, ts, value) VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET state = excluded.state, ts = excluded.ts, value = excluded.value`,
  );
  const current = db.prepare(
    'INSERT INTO current (topic, key, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
  );
  const notification = db.prepare(
    'INSERT INTO notifications (at, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
  );
  const forgetTold = db.prepare('DELETE FROM notifications WHERE at <= ?');
  const noLonger = db.prepare('DELETE FROM current WHERE topic = ? AND key = ?');
  const gateway = db.prepare(
    `INSERT INTO gateways (gateway, incarnation, seen, value) VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET seen = excluded.seen, value = excluded.value`,
  );
  const health = db.prepare(
    `INSERT INTO health (process, seen, value) VALUES (?, ?, ?)
      ON CONFLICT DO UPDATE SET seen = excluded.seen, value = excluded.value`,
  );
  const refused = db.prepare('INSERT INTO refused (kind, ts, value) VALUES (?, ?, ?)');
  const forget = db.prepare(
    `DELETE FROM refused WHERE kind = ?1 AND id <=
      (SELECT id FROM refused WHERE kind = ?1 ORDER BY id DESC LIMIT 1 OFFSET ${KEPT_REFUSED})`,
  );

  function writeWindows(topic: string, results: Results, now: number): void {
    const oldest = now - (retention[topic]?.keepMs ?? 0);
    let inserted = 0;
    for (const { value } of results.windows) {
      if (value.windowStart < oldest) continue;
      const json = JSON.stringify(value);
      const count = numberOr0(value.count);
      const errors = 'errorShare' in value ? count * numberOr0(value.errorShare) : 0;
      const row = [topic, value.series, value.windowStart, value.revision, count, errors, json] as const;
      let changed = Number(insertWindow.run(...row).changes);
      inserted += changed;
      if (changed === 0) changed = Number(reviseWindow.run(...row).changes);
      if (changed > 0) latestWindow.run(topic, value.series, value.windowStart, json, now + FUTURE_MS);
    }
    if (inserted > 0) {
      add('windows', topic, inserted);
      add('rows', topic, inserted);
    }
  }

  return (topic, results, now) => {
    if (results.windows.length > 0) writeWindows(topic, results, now);
    for (const a of results.anomalies) {
      const { changes } = anomaly.run(a.id, a.source, a.series, a.ts, JSON.stringify(a));
      if (changes) add('anomalies', a.source, 1);
    }
    for (const a of results.alerts) alert.run(a.id, a.state, a.ts, JSON.stringify(a));
    for (const c of results.current) {
      if (c.value === null) noLonger.run(c.topic, c.key);
      else current.run(c.topic, c.key, JSON.stringify(c.value));
    }
    for (const n of results.notifications) {
      notification.run(n.at, JSON.stringify(n.value));
      forgetTold.run(n.at - KEPT_REFUSED);
    }
    for (const g of results.gateways) {
      gateway.run(g.value.gateway, g.value.incarnation, g.seenAt, JSON.stringify(g.value));
    }
    for (const h of results.health) health.run(h.value.process, h.seenAt, JSON.stringify(h.value));
    for (const d of results.deadLetters) {
      refused.run('dead-letters', d.ts, JSON.stringify(d));
      add('dead-letters', d.code, 1);
    }
    for (const l of results.late) {
      refused.run('late', l.ts, JSON.stringify(l));
      add('late', l.step, 1);
    }
    if (results.deadLetters.length > 0) forget.run('dead-letters');
    if (results.late.length > 0) forget.run('late');
    if (results.unreadable.length > 0) add('unreadable', topic, results.unreadable.length);
  };
}

/** Windows of jobs that were added to the hub need not have a count. */
function numberOr0(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
