import type { TopicPartition } from '../../../kafka/index.ts';
import { prepareQueries, type Queries } from './queries.ts';
import type { Results } from './results.ts';
import { giveUp, preparePrune, type Retention, WINDOW_RETENTION } from './retention.ts';
import { openDatabase } from './schema.ts';
import { prepareWrite } from './write.ts';

/**
 * The embedded store of results: one SQLite file, filled from Kafka and read by the live page.
 *
 * - Results and the position after them are written in one transaction, so each record of Kafka counts once here.
 * - Of the results for one series and window the one with the highest revision is kept.
 * - It holds nothing that cannot be read from Kafka again, within Kafka's retention.
 * - It stays bounded: `prune` deletes what is too old or too much, a little at a time.
 */
export interface Store extends Queries {
  /** Stores results read from `at` together with the offset after them. @throws the database's error; nothing is stored then */
  apply(at: TopicPartition & { readonly next: number }, results: Results, now: number): void;
  /** Offset of the first record not stored, undefined where none was. */
  position(at: TopicPartition): number | undefined;
  /** Forgets a position, for a topic that was made anew. */
  forget(at: TopicPartition): void;
  /** Deletes a little of what retention no longer covers; gives the number of rows. */
  prune(now: number): number;
  close(): void;
}

export interface StoreOptions {
  readonly file: string;
  /** By topic of windows; what is not given keeps its default. Windows of other topics are forgotten. */
  readonly retention?: Readonly<Record<string, Retention>>;
  /** Rows of a kind deleted at once by `prune`. */
  readonly pruneStep?: number;
}

/** @throws HeadwaterError `STORE_UNUSABLE` */
export function openStore({ file, retention, pruneStep = 2_000 }: StoreOptions): Store {
  const db = openDatabase(file);
  const wanted = { ...WINDOW_RETENTION, ...retention };
  const keep = { ...wanted, ...giveUp(db, Object.keys(wanted)) };
  const write = prepareWrite(db, keep);
  const prune = preparePrune(db, keep);
  const position = db.prepare('SELECT next FROM positions WHERE topic = ? AND partition = ?');
  const forget = db.prepare('DELETE FROM positions WHERE topic = ? AND partition = ?');
  const advance = db.prepare(
    'INSERT INTO positions (topic, partition, next) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET next = excluded.next',
  );

  function inTransaction<T>(work: () => T): T {
    db.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      db.exec('COMMIT');
      return result;
    } catch (error) {
      // SQLite has already rolled back by itself after errors such as a full disk.
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  }

  return {
    ...prepareQueries(db),
    apply: (at, results, now) =>
      inTransaction(() => {
        write(at.topic, results, now);
        advance.run(at.topic, at.partition, at.next);
      }),
    position: (at) => {
      const row = position.get(at.topic, at.partition);
      return row === undefined ? undefined : Number(row.next);
    },
    forget: (at) => {
      forget.run(at.topic, at.partition);
    },
    prune: (now) => inTransaction(() => prune(now, pruneStep)),
    close: () => db.close(),
  };
}
