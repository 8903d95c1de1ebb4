import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { HeadwaterError } from '../../contract/index.ts';
import {
  bringUpToDate,
  bringUpToDateInMemory,
  createTables,
  Damage,
  endOf,
  newState,
  openDatabase,
  PAGE_BYTES,
  readState,
  rowOf,
  type State,
  saysDamaged,
  saysDiskFailed,
} from './database.ts';
import { newEpoch } from './epochs.ts';
import { ID_TABLES, UNSOUND } from './ids.ts';
import { commitsBehindDamage } from './journal.ts';
import { inTransaction, salvage, tell } from './salvage.ts';
import { type Note, newSession, noteClosed, readNote, signOfReplacement, writeNote } from './session.ts';

/** Up to this size the whole database is checked at opening; a larger one where it may be damaged only as it is read. */
const CHECKED_BYTES = 16 * 1024 * 1024;
const READ_BYTES = 256 * 1024;

export interface Opened {
  readonly path: string;
  readonly db: DatabaseSync;
  readonly state: State;
  readonly recovered: string | null;
  /** Whether this opening is noted beside the database; see session.ts. */
  readonly noted: boolean;
  /** False where the disk had no room to bring an older layout up to date: that must be done before anything is stored. */
  readonly upToDate: boolean;
}

/**
 * Opens the buffer of `dir`; how long that takes does not depend on how much is in it. What is found wrong is repaired and told to the hub by a
 * `rejected` record:
 * - A damaged database is set aside as `buffer.corrupt-<time>.db` (only the newest such is kept: the disk is bounded) and what can be read of it
 *   goes into a new one, unless a place cannot be read at all and this is not the `lastTry`. Damage that is met later ends the buffer, and is noted,
 *   so that the next opening repairs it.
 * - A database that is not the one last used here (an old copy; commits lost with its journal) goes on under a new incarnation: the numbers it
 *   would give out next may have been given already. Its records keep the identity they had.
 *
 * @throws HeadwaterError `BUFFER_OPEN`, `BUFFER_UNREADABLE`, `BUFFER_IN_USE`, `BUFFER_NEWER`
 */
export function openOrRepair(dir: string, walLimit: number, now: number, lastTry = true): Opened {
  const path = join(dir, 'buffer.db');
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const note = readNote(dir);
    const found = openWhole(dir, walLimit, now, note, lastTry);
    const noted = startSession(dir, found, note?.session ?? '');
    return { path, ...found, noted };
  } catch (error) {
    if (error instanceof HeadwaterError) throw error;
    throw new HeadwaterError(
      'BUFFER_OPEN',
      `cannot open the buffer ${path}: ${(error as Error).message}; look at the folder's rights and the disk's space`,
      { retryable: saysDiskFailed(error), cause: error },
    );
  }
}

/** The next opening will repair the database, whatever a quick look at it says then. @throws the file system's error */
export function noteDamage(dir: string, damage: string): void {
  writeNote(dir, { ...(readNote(dir) ?? { session: '', commits: 0, closing: true }), damage });
}

type Found = Omit<Opened, 'path' | 'noted'>;

function openWhole(dir: string, walLimit: number, now: number, note: Note | undefined, lastTry: boolean): Found {
  const path = join(dir, 'buffer.db');
  const journal = `${path}-wal`;
  const repaired = join(dir, 'buffer.repaired.db');
  // The damaged one was moved away, and then there was no time for the rest.
  if (!existsSync(path) && existsSync(repaired)) renameSync(repaired, path);
  const hadJournal = existsSync(journal);
  try {
    if (note?.damage !== undefined) throw new Damage(note.damage);
    const lostCommits = commitsBehindDamage(journal, PAGE_BYTES);
    if (lostCommits > 0) copyFileSync(journal, `${nameAside(dir, now)}-wal`);
    const { db, state, upToDate } = openSound(path, walLimit, now);
    try {
      const sign =
        lostCommits > 0
          ? `its journal is damaged (a copy was set aside), and the ${lostCommits} commits behind the damage cannot be read`
          : signOfReplacement(dir, note, state, hadJournal);
      return { db, state, upToDate, recovered: sign && goOnAsNew(db, state, sign, now) };
    } catch (error) {
      // Or the repair would find it in use.
      db.close();
      throw error;
    }
  } catch (error) {
    if (note && hadJournal && !existsSync(journal)) noteClosed(dir, note);
    if (!saysDamaged(error)) throw error;
    if (!lastTry) for (const file of [path, journal]) readWhole(file);
    for (const suffix of ['', '-wal']) rmSync(repaired + suffix, { force: true });
    const aside = nameAside(dir, now);
    const { db, state } = openSound(repaired, walLimit, now);
    const recovered = salvage({ damaged: path, aside, walLimit, db, state, now });
    db.close();
    for (const suffix of ['-wal', '']) {
      if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
    }
    renameSync(repaired, path);
    return { ...openSound(path, walLimit, now), recovered };
  }
}

/** Where a place cannot be read just now, a repair would leave out what may be read the next time. @throws HeadwaterError `BUFFER_UNREADABLE` */
function readWhole(path: string): void {
  if (!existsSync(path)) return;
  const chunk = Buffer.allocUnsafe(READ_BYTES);
  const fd = openSync(path, 'r');
  try {
    while (readSync(fd, chunk) > 0);
  } catch (cause) {
    const message = `the disk cannot read the buffer ${path}: ${(cause as Error).message}; it is tried again`;
    throw new HeadwaterError('BUFFER_UNREADABLE', message, { retryable: true, cause });
  } finally {
    closeSync(fd);
  }
}

function openSound(path: string, walLimit: number, now: number): Omit<Found, 'recovered'> {
  const db = openDatabase(path, walLimit);
  try {
    check(db, path);
    startJournalAnew(db);
    const found = readState(db);
    if (found) {
      const upToDate = makeUpToDate(db);
      db.prepare('SELECT id, kind, ts, stored, value FROM records');
      db.prepare('SELECT device, boot, seen, used FROM frames');
      db.prepare('SELECT at, client, messages FROM packets');
      db.prepare('SELECT at, client, packet FROM inbound');
      for (const table of ID_TABLES) {
        const unsound = db.prepare(`SELECT 1 FROM ${table} WHERE ${UNSOUND[table]} LIMIT 1`).get();
        if (unsound) throw new Damage(`a row of table ${table} is none`);
      }
      // One end a query: for both in one, SQLite reads all that is between.
      for (const end of ['min(id)', 'max(id)']) {
        const select = db.prepare(`SELECT ${end} FROM records WHERE id > ? AND id < ?`);
        for (const lane of found.last.keys()) select.get(rowOf(lane, 0), endOf(lane));
      }
      return { db, state: found, upToDate };
    }
    const state = newState(now);
    createTables(db, state);
    return { db, state, upToDate: true };
  } catch (error) {
    db.close();
    throw error;
  }
}

/** A full disk is no reason to let what waits in the buffer wait: that goes on as if the layout were today's. */
function makeUpToDate(db: DatabaseSync): boolean {
  try {
    bringUpToDate(db);
    return true;
  } catch (error) {
    if (!saysDiskFailed(error)) throw error;
    bringUpToDateInMemory(db);
    return false;
  }
}

/**
 * Has the next commit begin the journal from its start, under other salts. Otherwise it would go behind the last commit that is whole, over the
 * beginning of what a power cut has torn there; and after a second power cut the rest of that would look like a commit behind damage.
 */
function startJournalAnew(db: DatabaseSync): void {
  try {
    db.exec('PRAGMA wal_checkpoint(PASSIVE)');
  } catch (error) {
    if (!saysDiskFailed(error)) throw error;
  }
}

/** The tables that are read at opening, at least: they are small, whatever waits in the buffer. */
function check(db: DatabaseSync, path: string): void {
  const small = statSync(path).size <= CHECKED_BYTES;
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'records'").all();
  for (const of of small ? ['1'] : tables.map(({ name }) => `"${name}"`)) {
    const verdict = db.prepare(`PRAGMA quick_check(${of})`).get()!.quick_check;
    if (verdict !== 'ok') throw new Damage(String(verdict));
  }
}

function goOnAsNew(db: DatabaseSync, state: State, sign: string, now: number): string {
  const summary = `the buffer is not the one last used here: ${sign}. New readings go under a new incarnation`;
  state.epochs = [...state.epochs, newEpoch(state.last)];
  const { acknowledged, forwarded, evicted } = state.counts;
  state.counts = { ...newState(now).counts, acknowledged: acknowledged - forwarded - evicted };
  inTransaction(db, state, () => tell(db, state, 'BUFFER_REPLACED', summary, now));
  return summary;
}

/**
 * First in the database, then beside it; nothing is taken in before both are synced. False where the disk had no room for it: the store does the
 * rest when it has.
 */
function startSession(dir: string, { db, state }: Found, before: string): boolean {
  const session = { now: newSession(), before, commits: state.commits };
  const old = state.session;
  try {
    state.session = session;
    inTransaction(db, state, () => {});
  } catch (error) {
    if (!saysDiskFailed(error)) throw error;
    state.session = old;
    return true;
  }
  try {
    writeNote(dir, { session: session.now, commits: state.commits, closing: false });
    return true;
  } catch (error) {
    if (!saysDiskFailed(error)) throw error;
    return false;
  }
}

/** A name for what is set aside; what was set aside before makes room. */
function nameAside(dir: string, now: number): string {
  for (const file of readdirSync(dir)) {
    if (file.startsWith('buffer.corrupt-')) rmSync(join(dir, file));
  }
  return join(dir, `buffer.corrupt-${new Date(now).toISOString().replaceAll(':', '-')}.db`);
}
