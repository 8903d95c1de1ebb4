import type { DatabaseSync } from 'node:sqlite';

/**
 * Counts that outlive the rows they count, changed in the transaction of what they count:
 * `windows` by topic (distinct windows ever stored), `rows` by topic (stored now), `anomalies`, `dead-letters` by code, `late` by step,
 * `unreadable` by topic.
 */
export type TallyKind = 'windows' | 'rows' | 'anomalies' | 'dead-letters' | 'late' | 'unreadable';

export type Add = (kind: TallyKind, name: string, by: number) => void;

export function addTo(db: DatabaseSync): Add {
  const statement = db.prepare(
    'INSERT INTO tallies (kind, name, count) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count',
  );
  return (kind, name, by) => {
    statement.run(kind, name, by);
  };
}
