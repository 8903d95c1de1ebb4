import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { HeadwaterError, type Rejected } from '../../contract/index.ts';
import {
  createTables,
  endOf,
  newState,
  openDatabase,
  readState,
  rowOf,
  type State,
  saysDamaged,
  saysNoTable,
} from './database.ts';
import { migrateFrames } from './frames.ts';
import { KINDS } from './protocol.ts';

const CHUNK = 1000;
const LIVE = 1;

export interface Opened {
  readonly path: string;
  readonly db: DatabaseSync;
  readonly state: State;
  readonly recovered: string | null;
}

/**
 * Opens the buffer of `dir`. A damaged database is set aside as `buffer.corrupt-<time>.db` (only the newest such is kept: the disk is bounded)
 * and what can be read of it goes into a new one, under a new incarnation: the records get new sequences there, so any that Kafka already had but
 * the damaged file did not know to be released arrive a second time. The hub is told by a `rejected` record.
 *
 * @throws HeadwaterError `BUFFER_OPEN`, `BUFFER_IN_USE`, `BUFFER_NEWER`
 */
export function openOrRepair(dir: string, walLimit: number, now: number): Opened {
  const path = join(dir, 'buffer.db');
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    try {
      return { path, ...openSound(path, walLimit, now), recovered: null };
    } catch (error) {
      if (!saysDamaged(error)) throw error;
      const aside = setAside(dir, path, now);
      const { db, state } = openSound(path, walLimit, now);
      const recovered = salvage(aside, walLimit, db, state, now);
      return { path, db, state, recovered };
    }
  } catch (error) {
    if (error instanceof HeadwaterError) throw error;
    throw new HeadwaterError(
      'BUFFER_OPEN',
      `cannot open the buffer ${path}: ${(error as Error).message}; look at the folder's rights and the disk's space`,
      { retryable: true, cause: error },
    );
  }
}

function openSound(path: string, walLimit: number, now: number): { db: DatabaseSync; state: State } {
  const db = openDatabase(path, walLimit);
  try {
    const verdict = db.prepare('PRAGMA quick_check(1)').get()!.quick_check;
    if (verdict !== 'ok') throw new SyntaxError(String(verdict));
    const found = readState(db);
    if (found) return { db, state: found };
    const state = newState(now);
    createTables(db, state);
    return { db, state };
  } catch (error) {
    db.close();
    throw error;
  }
}

function setAside(dir: string, path: string, now: number): string {
  for (const file of readdirSync(dir)) {
    if (file.startsWith('buffer.corrupt-')) rmSync(join(dir, file));
  }
  const aside = join(dir, `buffer.corrupt-${new Date(now).toISOString().replaceAll(':', '-')}.db`);
  for (const suffix of ['-wal', '']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  }
  return aside;
}

/** Copies what can be read, a chunk a commit, and tells what was done. A full disk ends it early; the file set aside still has the rest. */
function salvage(aside: string, walLimit: number, db: DatabaseSync, state: State, now: number): string {
  let announced = 0;
  let trouble = '';
  try {
    const damaged = openDatabase(aside, walLimit);
    try {
      for (const lane of state.last.keys()) announced += copyLane(damaged, db, state, lane);
      copyTable(damaged, db, 'frames', 5);
      copyTable(damaged, db, 'packets', 4);
      copyTable(damaged, db, 'inbound', 4);
      migrateFrames(db);
    } finally {
      damaged.close();
    }
  } catch (error) {
    trouble = `; it ended early: ${(error as Error).message}`;
    if (db.isTransaction) db.exec('ROLLBACK');
    Object.assign(state, readState(db));
  }
  const summary =
    `the buffer was damaged and set aside as ${basename(aside)}: ${state.waiting[0] + state.waiting[1] + state.waiting[2]} records ` +
    `were salvaged, ${announced} announcements of evicted readings were dropped${trouble}`;
  const told: Rejected = { origin: 'buffer', code: 'BUFFER_DAMAGED', reason: summary, bytes: '', receivedAt: now };
  inTransaction(db, state, () => {
    add(db, state, LIVE, KINDS.indexOf('rejected'), now, JSON.stringify(told));
    state.counts.rejected++;
  });
  return summary;
}

/** Reads a lane in order; where pages are damaged, tries again further and further on. Gives the number of `evicted` records met. */
function copyLane(from: DatabaseSync, to: DatabaseSync, state: State, lane: number): number {
  let after = rowOf(lane, 0);
  let skip = 1;
  let announced = 0;
  for (;;) {
    let rows: Record<string, unknown>[] = [];
    try {
      const select = from.prepare('SELECT * FROM records WHERE id > ? AND id < ? ORDER BY id LIMIT ?');
      for (const row of select.iterate(after, endOf(lane), CHUNK)) rows.push(row);
      if (rows.length === 0) return announced;
    } catch (error) {
      if (!saysDamaged(error)) throw error;
      if (rows.length === 0) {
        after += skip;
        skip *= 2;
        if (after >= endOf(lane)) return announced;
        continue;
      }
    }
    skip = 1;
    after = rows.at(-1)!.id as number;
    announced += rows.filter(({ kind }) => KINDS[kind as number] === 'evicted').length;
    rows = rows.filter(isSound);
    inTransaction(to, state, () => {
      for (const { kind, ts, value } of rows) {
        add(to, state, lane, kind as number, ts as number, value as string);
        if (KINDS[kind as number] === 'reading') state.counts.acknowledged++;
        else state.counts.rejected++;
      }
    });
  }
}

function isSound({ kind, ts, value }: Record<string, unknown>): boolean {
  if (!Number.isSafeInteger(ts) || typeof value !== 'string') return false;
  try {
    JSON.parse(value);
  } catch {
    return false;
  }
  return KINDS[kind as number] === 'reading' || KINDS[kind as number] === 'rejected';
}

/** As far as it can be read: without this memory a repeat is stored twice, no more. */
function copyTable(
  from: DatabaseSync,
  to: DatabaseSync,
  table: 'frames' | 'packets' | 'inbound',
  columns: number,
): void {
  to.exec('BEGIN IMMEDIATE');
  const insert = to.prepare(`INSERT OR IGNORE INTO ${table} VALUES (${Array(columns).fill('?').join(', ')})`);
  try {
    for (const row of from.prepare(`SELECT * FROM ${table}`).iterate()) insert.run(...Object.values(row));
  } catch (error) {
    if (!saysDamaged(error) && !saysNoTable(error)) throw error;
  }
  to.exec('COMMIT');
}

function add(db: DatabaseSync, state: State, lane: number, kind: number, ts: number, value: string): void {
  const sequence = ++state.last[lane]!;
  state.waiting[lane]!++;
  db.prepare('INSERT INTO records VALUES (?, ?, ?, ?, ?)').run(rowOf(lane, sequence), kind, ts, state.ageMs, value);
}

function inTransaction(db: DatabaseSync, state: State, write: () => void): void {
  db.exec('BEGIN IMMEDIATE');
  write();
  db.prepare('UPDATE state SET json = ?').run(JSON.stringify(state));
  db.exec('COMMIT');
}
