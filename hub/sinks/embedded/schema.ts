import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { HeadwaterError } from '../../../contract/index.ts';

/** Changes with the tables. A file of another version is made anew: everything in it can be read from Kafka again. */
const VERSION = 4;
/** Marks the file as this store's, so that no other database is taken for an old one and deleted. */
const APPLICATION = 0x48775374;

// `windows.value` holds the result as JSON; what is summed up over many series stands in columns of its own and in the index, which alone
// is then read. `series` holds the latest window of each series, for lists and pickers.
// `gateways` keeps one row for each life of a gateway's buffer, because counts begin anew with each.
const TABLES = `
  CREATE TABLE positions (topic TEXT, partition INTEGER, next INTEGER NOT NULL, PRIMARY KEY (topic, partition)) WITHOUT ROWID;
  CREATE TABLE windows (
    topic TEXT, series TEXT, start INTEGER, revision INTEGER NOT NULL, count INTEGER NOT NULL, errors REAL NOT NULL,
    value TEXT NOT NULL,     PRIMARY KEY (topic, series, start)) WITHOUT ROWID;
  CREATE INDEX windows_by_time ON windows (topic, start, series, count, errors);
  CREATE TABLE series (topic TEXT, series TEXT, start INTEGER NOT NULL, value TEXT NOT NULL, PRIMARY KEY (topic, series)) WITHOUT ROWID;
  CREATE TABLE anomalies (id TEXT PRIMARY KEY, source TEXT NOT NULL, series TEXT NOT NULL, ts INTEGER NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE INDEX anomalies_by_time ON anomalies (ts);
  CREATE INDEX anomalies_by_series ON anomalies (source, series, ts);
  CREATE TABLE alerts (id TEXT PRIMARY KEY, state TEXT NOT NULL, ts INTEGER NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE INDEX alerts_by_time ON alerts (ts);
  CREATE TABLE notifications (at INTEGER PRIMARY KEY, value TEXT NOT NULL);
  CREATE TABLE current (topic TEXT, key TEXT, value TEXT NOT NULL, PRIMARY KEY (topic, key)) WITHOUT ROWID;
  CREATE TABLE gateways (gateway TEXT, incarnation TEXT, seen INTEGER NOT NULL, value TEXT NOT NULL, PRIMARY KEY (gateway, incarnation)) WITHOUT ROWID;
  CREATE TABLE health (process TEXT PRIMARY KEY, seen INTEGER NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE refused (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, ts INTEGER NOT NULL, value TEXT NOT NULL);
  CREATE INDEX refused_by_kind ON refused (kind, id);
  CREATE TABLE tallies (kind TEXT, name TEXT, count INTEGER NOT NULL, PRIMARY KEY (kind, name)) WITHOUT ROWID;
  PRAGMA application_id = ${APPLICATION};
  PRAGMA user_version = ${VERSION};
`;

/**
 * Opens the database file, creating it and its folder where they are missing.
 * @throws HeadwaterError `STORE_UNUSABLE`
 */
export function openDatabase(file: string): DatabaseSync {
  try {
    mkdirSync(dirname(file), { recursive: true });
    if (isOutdated(file)) for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
    const db = new DatabaseSync(file);
    // NORMAL may lose the last commits when the power goes, whole: their positions go with them, so they are read from Kafka again.
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 2000;');
    if (pragma(db, 'user_version') !== VERSION) db.exec(`BEGIN; ${TABLES} COMMIT;`);
    return db;
  } catch (cause) {
    throw new HeadwaterError(
      'STORE_UNUSABLE',
      `cannot use the result store ${file}: ${(cause as Error).message}. Check the folder's rights and free space; if it is a damaged store, delete it: it is filled from Kafka again.`,
      { cause },
    );
  }
}

/** Whether the file is a store of another version. @throws when it holds something else */
function isOutdated(file: string): boolean {
  if (!existsSync(file)) return false;
  const db = new DatabaseSync(file);
  try {
    if (pragma(db, 'schema_version') === 0) return false;
    if (pragma(db, 'application_id') !== APPLICATION) throw new Error('it is a database of another program');
    return pragma(db, 'user_version') !== VERSION;
  } finally {
    db.close();
  }
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
}
