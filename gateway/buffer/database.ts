import { closeSync, openSync, readSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { type Evicted, HeadwaterError } from '../../contract/index.ts';
import { type Epoch, newEpoch } from './epochs.ts';
import { FRAMES, migrateFrames, takeFrames } from './frames.ts';
import { migratePackets, PACKETS, takePackets } from './packets.ts';
import { KINDS } from './protocol.ts';

export const PAGE_BYTES = 4096;
const SCHEMA_VERSION = 4;

/** The one row of table `state`, as JSON: written by every commit, so it is always that of the records beside it. Arrays go by lane. */
export interface State {
  /** Oldest first; the last one is the current. */
  epochs: readonly Epoch[];
  /** This opening and the one before it, and the commits there were at this one; see session.ts. */
  session: { readonly now: string; readonly before: string; readonly commits: number };
  commits: number;
  last: [number, number, number];
  /** Everything up to here has left. */
  released: [number, number, number];
  waiting: [number, number, number];
  counts: {
    acknowledged: number;
    forwarded: number;
    rejected: number;
    duplicates: number;
    evicted: number;
    refused: number;
  };
  /** The age clock and the wall clock at this commit; see ages.ts. */
  ageMs: number;
  wallMs: number;
}

export function newState(wallMs: number): State {
  return {
    epochs: [newEpoch()],
    session: { now: '', before: '', commits: 0 },
    commits: 0,
    last: [0, 0, 0],
    released: [0, 0, 0],
    waiting: [0, 0, 0],
    counts: { acknowledged: 0, forwarded: 0, rejected: 0, duplicates: 0, evicted: 0, refused: 0 },
    ageMs: wallMs,
    wallMs,
  };
}

/**
 * Opens the database file, or makes it with the tables still missing. The lock is exclusive: it keeps a second gateway out and spares the
 * shared-memory file. FULL, because in WAL mode NORMAL loses commits on a power cut. Checkpoints are the store's to time, after it has answered.
 *
 * @throws HeadwaterError `BUFFER_IN_USE`, or SQLite's own error
 */
export function openDatabase(path: string, walLimit: number): DatabaseSync {
  const db = new DatabaseSync(path);
  try {
    refuseForeignFormat(path);
    db.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA page_size = ${PAGE_BYTES};`);
    // In a database that is there this would write what it is already: a full disk should let it open.
    if (db.prepare('PRAGMA page_count').get()!.page_count === 0) db.exec('PRAGMA auto_vacuum = INCREMENTAL');
    db.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA wal_autocheckpoint = 0;
      PRAGMA journal_size_limit = ${walLimit};
      BEGIN IMMEDIATE;
      COMMIT;
    `);
    return db;
  } catch (error) {
    db.close();
    if (sqliteCode(error) === SQLITE_BUSY) {
      throw new HeadwaterError('BUFFER_IN_USE', `${path} is in use: another gateway runs with this folder; stop it`, {
        cause: error,
      });
    }
    throw error;
  }
}

/** A wrong version in the header makes SQLite take the file for one that may only be read, which looks like a disk that is read-only. */
function refuseForeignFormat(path: string): void {
  const header = Buffer.alloc(20);
  const fd = openSync(path, 'r');
  try {
    const length = readSync(fd, header, 0, 20, 0);
    if (length === 20 && (header[18]! > 2 || header[19]! > 2)) throw new Damage('the format in its header is unknown');
  } finally {
    closeSync(fd);
  }
}

const LANE = 2 ** 45;

/**
 * A record's row: the lane's number, then the sequence. One integer, because SQLite keeps values of up to a page within a table by integer key,
 * but spends an overflow page on every value above 1 kB in one by (lane, sequence).
 */
export function rowOf(lane: number, sequence: number): number {
  return lane * LANE + sequence;
}

/** The row that ends a lane, after its last possible one. */
export function endOf(lane: number): number {
  return rowOf(lane + 1, 0);
}

export function sequenceOf(row: number): number {
  return row % LANE;
}

/** The digest is left empty, since it was one kind of table for both memories of packet ids. */
const INBOUND = 'CREATE TABLE inbound (at INTEGER PRIMARY KEY, client TEXT, packet INTEGER, digest TEXT);';

/** In one transaction, so that a crash leaves either no table or a whole buffer. */
export function createTables(db: DatabaseSync, state: State): void {
  db.exec(`
    BEGIN IMMEDIATE;
    CREATE TABLE records (id INTEGER PRIMARY KEY, kind INTEGER, ts INTEGER, stored INTEGER, value TEXT);
    ${FRAMES}
    ${PACKETS}
    ${INBOUND}
    CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), json TEXT);
    PRAGMA user_version = ${SCHEMA_VERSION};
  `);
  db.prepare('INSERT INTO state VALUES (1, ?)').run(encodeState(state));
  db.exec('COMMIT');
}

/**
 * The state, or undefined in a database that is still empty. Brings a database of layout 1 to layout 2 first.
 *
 * @throws HeadwaterError `BUFFER_NEWER`; SQLite's or JSON's error where the row is damaged
 */
export function readState(db: DatabaseSync): State | undefined {
  const version = versionOf(db);
  if (version === 0) return undefined;
  if (version === 1) migrate(db);
  if (version > SCHEMA_VERSION) {
    throw new HeadwaterError(
      'BUFFER_NEWER',
      `the buffer was written by a newer Headwater (layout ${version}, this one knows ${SCHEMA_VERSION}): run the newer one`,
    );
  }
  const row = db.prepare('SELECT json FROM state').get();
  const state = decodeState(row?.json) as State & { readonly incarnation?: string };
  if (state.epochs) return state;
  const { incarnation, ...rest } = state;
  const after = [0, 0, 0] as const;
  return {
    ...newState(0),
    ...rest,
    epochs: [{ incarnation: incarnation!, after: [...after] }],
    released: headsOf(db, state),
  };
}

/** With a checksum behind it: of all that is here, a wrong number in it would be told by nothing else. */
export function encodeState(state: State): string {
  return withChecksum(JSON.stringify(state));
}

function withChecksum(json: string): string {
  return json + crc32(json).toString(16).padStart(8, '0');
}

function decodeState(text: unknown): unknown {
  if (typeof text !== 'string') throw new Damage('the row of the state is gone');
  const json = text.slice(0, -8);
  if (crc32(json) !== Number.parseInt(text.slice(-8), 16)) throw new Damage('the checksum of the state is wrong');
  return JSON.parse(json);
}

/** Where the records of each lane begin. */
function headsOf(db: DatabaseSync, { last }: State): State['released'] {
  const head = db.prepare('SELECT id, kind, value FROM records WHERE id > ? AND id < ? ORDER BY id LIMIT 1');
  return last.map((end, lane) => {
    const row = head.get(rowOf(lane, 0), endOf(lane));
    if (!row) return end;
    const evicted = KINDS[row.kind as number] === 'evicted';
    return (evicted ? (JSON.parse(row.value as string) as Evicted).from : sequenceOf(row.id as number)) - 1;
  }) as State['released'];
}

/** From layout 1: the memory of QoS 2, and a checksum of the state. */
function migrate(db: DatabaseSync): void {
  db.exec(`BEGIN IMMEDIATE; ${INBOUND}`);
  try {
    const { json } = db.prepare('SELECT json FROM state').get() ?? {};
    if (typeof json === 'string') db.prepare('UPDATE state SET json = ?').run(withChecksum(json));
    db.exec('PRAGMA user_version = 2; COMMIT;');
  } catch (error) {
    db.exec('ROLLBACK');
    throw error;
  }
}

/** Brings the tables of a sound database to today's layout: from layout 2, the memory of packet ids; from layout 3, that of frames. */
export function bringUpToDate(db: DatabaseSync): void {
  const version = versionOf(db);
  if (version === SCHEMA_VERSION) return;
  db.exec('BEGIN IMMEDIATE');
  try {
    for (const table of ['frames', 'packets']) db.exec(`DROP TABLE IF EXISTS temp.${table}`);
    if (version < 3) migratePackets(db);
    migrateFrames(db);
    db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT;`);
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

/**
 * Tables of today's layout in memory, in front of older ones, for a disk that has no room for them yet: they are as good for reading. Nothing that
 * they are to remember may be stored before `bringUpToDate`, which drops them.
 */
export function bringUpToDateInMemory(db: DatabaseSync): void {
  const inMemory = (table: string) => db.exec(table.replace('CREATE TABLE', 'CREATE TEMP TABLE'));
  db.exec('PRAGMA temp_store = MEMORY; BEGIN');
  if (versionOf(db) < 3) {
    inMemory(PACKETS);
    takePackets(db.prepare('SELECT client, packet, digest FROM main.packets ORDER BY at').iterate(), db);
  }
  inMemory(FRAMES);
  takeFrames(db.prepare('SELECT * FROM main.frames').iterate(), db);
  db.exec('COMMIT');
}

function versionOf(db: DatabaseSync): number {
  return db.prepare('PRAGMA user_version').get()!.user_version as number;
}

const SQLITE_ERROR = 1;
const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
const SQLITE_IOERR = 10;
const SQLITE_FULL = 13;
const SQLITE_CORRUPT = 11;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;

/** SQLite's primary result code, or undefined for another error. */
export function sqliteCode(error: unknown): number | undefined {
  const code = (error as { errcode?: number }).errcode;
  return code === undefined ? undefined : code & 0xff;
}

/** What is found to be wrong with the database by looking at its content. */
export class Damage extends Error {}

const DISK_FAILED: readonly unknown[] = [
  ...[SQLITE_READONLY, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN],
  ...['EROFS', 'EIO', 'ENOSPC', 'EDQUOT'],
];

/** Whether the disk is full, may only be read, or failed at this. */
export function saysDiskFailed(error: unknown): boolean {
  return DISK_FAILED.includes(sqliteCode(error) ?? (error as NodeJS.ErrnoException).code);
}

/**
 * Whether the error may only say that a place could not be read just now: SQLite calls it malformed too where the disk answers EIO. Damage is what
 * does not go away when it is tried again.
 */
export function saysUnreadable(error: unknown): boolean {
  return sqliteCode(error) === SQLITE_CORRUPT || saysDiskFailed(error);
}

/** Whether the error says that the file itself is damaged, as against a disk that is full or failing. */
export function saysDamaged(error: unknown): boolean {
  const code = sqliteCode(error);
  return (
    code === SQLITE_CORRUPT ||
    code === SQLITE_NOTADB ||
    error instanceof SyntaxError ||
    error instanceof Damage ||
    saysSchemaDamaged(error)
  );
}

/** Every statement here is fixed, so what it does not find was there, before a byte of the schema's own text changed. */
function saysSchemaDamaged(error: unknown): boolean {
  return (
    sqliteCode(error) === SQLITE_ERROR &&
    /^no such |columns? but|malformed|unsupported file format/.test((error as Error).message)
  );
}
