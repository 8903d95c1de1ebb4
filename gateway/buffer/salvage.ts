import { basename } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { type Evicted, HeadwaterError, type Rejected } from '../../contract/index.ts';
import {
  encodeState,
  endOf,
  openDatabase,
  readState,
  rowOf,
  type State,
  saysDamaged,
  saysDiskFailed,
  sequenceOf,
} from './database.ts';
import { newEpoch } from './epochs.ts';
import { takeFrames } from './frames.ts';
import { ID_TABLES, type IdTable, UNSOUND } from './ids.ts';
import { takePackets } from './packets.ts';
import { KINDS } from './protocol.ts';

const CHUNK = 1000;
const LIVE = 1;
/** More than the memory of ids ever has: a damaged index can lead in a circle. */
const MOST_IDS = 200_000;
const EVICTED = KINDS.indexOf('evicted');
const LOST = 'the buffer was damaged';

export interface Salvage {
  /** Path of the damaged database, and what it will be called. */
  readonly damaged: string;
  readonly aside: string;
  readonly walLimit: number;
  /** The new database, which is empty, and its state. */
  readonly db: DatabaseSync;
  readonly state: State;
  readonly now: number;
}

/**
 * Copies what can be read of a damaged database into a new one, a chunk a commit, and tells what was done. Where the damaged one still says who it
 * was, records keep their identity, and what is missing among them is announced as evicted. Otherwise they get new numbers in the new incarnation,
 * and what Kafka already had of them arrives a second time. A full disk ends it early; the file set aside still has the rest.
 */
export function salvage({ damaged: path, aside, walLimit, db, state, now }: Salvage): string {
  let trouble = '';
  try {
    const damaged = openDatabase(path, walLimit);
    try {
      const before = stateOf(damaged);
      if (before) takeOver(state, before);
      for (const lane of state.last.keys()) {
        if (before) copyLane(damaged, db, state, lane, before);
        else renumberLane(damaged, db, state, lane);
      }
      for (const table of ID_TABLES) copyTable(damaged, db, table);
      for (const table of ID_TABLES) db.exec(`DELETE FROM ${table} WHERE ${UNSOUND[table]}`);
    } finally {
      damaged.close();
    }
  } catch (error) {
    if (error instanceof HeadwaterError) throw error;
    trouble = `; it ended early: ${(error as Error).message}`;
    if (db.isTransaction) db.exec('ROLLBACK');
    Object.assign(state, readState(db));
  }
  const waiting = state.waiting.reduce((sum, records) => sum + records, 0);
  const summary = `the buffer was damaged and set aside as ${basename(aside)}: ${waiting} records were salvaged${trouble}`;
  inTransaction(db, state, () => {
    if (state.epochs.length > 1) state.epochs = [...state.epochs.slice(0, -1), newEpoch(state.last)];
    tell(db, state, 'BUFFER_DAMAGED', summary, now);
  });
  return summary;
}

/** Tells the hub what happened to the buffer, within the caller's transaction. */
export function tell(db: DatabaseSync, state: State, code: string, reason: string, now: number): void {
  const told: Rejected = { origin: 'buffer', code, reason, bytes: '', receivedAt: now };
  add(db, state, LIVE, ++state.last[LIVE], KINDS.indexOf('rejected'), now, JSON.stringify(told));
  state.counts.rejected++;
}

export function inTransaction(db: DatabaseSync, state: State, write: () => void): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    write();
    db.prepare('UPDATE state SET json = ?').run(encodeState(state));
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

function stateOf(damaged: DatabaseSync): State | undefined {
  try {
    return readState(damaged);
  } catch (error) {
    if (saysDamaged(error) || saysDiskFailed(error)) return undefined;
    throw error;
  }
}

function takeOver(state: State, { epochs, released, commits, ageMs, wallMs }: State): void {
  // The last one is replaced when it is known where the salvaged ones end; until then nothing is stored after them.
  state.epochs = [...epochs, newEpoch([...state.last])];
  Object.assign(state, { commits, ageMs, wallMs, released: [...released], last: [...released] });
}

/** The records of a lane under their own numbers; what is missing between the first and the last of them is announced. */
function copyLane(from: DatabaseSync, to: DatabaseSync, state: State, lane: number, before: State): void {
  const end = before.last[lane]!;
  const announce = (until: number) => {
    const from = state.last[lane]! + 1;
    if (from > until) return;
    state.last[lane] = until;
    add(
      to,
      state,
      lane,
      until,
      EVICTED,
      state.wallMs,
      JSON.stringify({ from, to: until, reason: LOST } satisfies Evicted),
    );
  };
  const announceUpTo = (until: number) => {
    // An announcement stays within one incarnation.
    for (const { after } of state.epochs) {
      if (after[lane]! < until) announce(after[lane]!);
    }
    announce(until);
  };
  for (const rows of readableRows(from, lane)) {
    inTransaction(to, state, () => {
      for (const { id, kind, ts, stored, value } of rows) {
        const sequence = sequenceOf(id as number);
        if (sequence <= state.last[lane]! || sequence > end) continue;
        const first = kind === EVICTED ? (JSON.parse(value as string) as Evicted).from : sequence;
        announceUpTo(first - 1);
        state.last[lane] = sequence;
        add(to, state, lane, sequence, kind as number, ts as number, value as string, stored as number);
        count(state, kind as number);
      }
    });
  }
  inTransaction(to, state, () => announceUpTo(end));
}

function renumberLane(from: DatabaseSync, to: DatabaseSync, state: State, lane: number): void {
  for (const rows of readableRows(from, lane)) {
    inTransaction(to, state, () => {
      for (const { kind, ts, value } of rows) {
        if (kind === EVICTED) continue;
        add(to, state, lane, ++state.last[lane]!, kind as number, ts as number, value as string);
        count(state, kind as number);
      }
    });
  }
}

function count(state: State, kind: number): void {
  if (KINDS[kind] === 'reading') state.counts.acknowledged++;
  else if (KINDS[kind] === 'rejected') state.counts.rejected++;
}

/** Reads a lane in order; where pages are damaged, looks further and further on, and then back to the first that can be read again. */
function* readableRows(from: DatabaseSync, lane: number): Generator<Record<string, unknown>[]> {
  let after = rowOf(lane, 0);
  for (;;) {
    const { rows, failed } = readChunk(from, after, endOf(lane));
    if (rows.length > 0) {
      after = rows.at(-1)!.id as number;
      yield rows.filter(isSound);
    } else if (failed) {
      const next = afterDamage(from, after, endOf(lane));
      if (next === undefined) return;
      after = next;
    } else return;
  }
}

function readChunk(from: DatabaseSync, after: number, end: number, limit = CHUNK) {
  const rows: Record<string, unknown>[] = [];
  try {
    // By place, not by name: the names are on the disk too.
    const select = from.prepare('SELECT rowid, * FROM records WHERE rowid > ? AND rowid < ? ORDER BY rowid LIMIT ?');
    select.setReturnArrays(true);
    for (const values of select.iterate(after, end, limit)) {
      const [id, , kind, ts, stored, value] = values as unknown as unknown[];
      const row = { id, kind, ts, stored, value };
      // A damaged index can lead in a circle.
      if (!((row.id as number) > ((rows.at(-1)?.id as number) ?? after))) return { rows, failed: true };
      rows.push(row);
    }
    return { rows, failed: false };
  } catch (error) {
    if (!saysDamaged(error) && !saysDiskFailed(error)) throw error;
    return { rows, failed: true };
  }
}

/** The first place after `after` to read on from, or undefined where there is none. */
function afterDamage(from: DatabaseSync, after: number, end: number): number | undefined {
  const reads = (place: number) => {
    const { rows, failed } = readChunk(from, place, end, 1);
    return rows.length > 0 || !failed;
  };
  let skip = 1;
  while (!reads(after + skip)) {
    skip *= 2;
    if (after + skip >= end) return undefined;
  }
  let [bad, good] = [after + skip / 2, after + skip];
  while (good - bad > 1) {
    const middle = Math.floor((bad + good) / 2);
    if (reads(middle)) good = middle;
    else bad = middle;
  }
  return good;
}

function isSound({ kind, ts, value }: Record<string, unknown>): boolean {
  if (!Number.isSafeInteger(ts) || typeof value !== 'string' || KINDS[kind as number] === undefined) return false;
  try {
    JSON.parse(value);
  } catch {
    return false;
  }
  return true;
}

/** As far as it can be read: without this memory a repeat is stored twice, no more. */
function copyTable(from: DatabaseSync, to: DatabaseSync, table: IdTable): void {
  to.exec('BEGIN IMMEDIATE');
  try {
    const select = from.prepare(`SELECT * FROM ${table} LIMIT ${MOST_IDS}`);
    const columns = select.columns().length;
    if (table === 'packets' && columns === 4) takePackets(select.iterate(), to);
    else if (table === 'frames' && columns === 5) takeFrames(select.iterate(), to);
    else {
      const insert = to.prepare(`INSERT OR IGNORE INTO ${table} VALUES (${Array(columns).fill('?').join(', ')})`);
      for (const row of select.iterate()) insert.run(...Object.values(row));
    }
  } catch (error) {
    if (!saysDamaged(error) && !saysDiskFailed(error)) throw error;
  }
  to.exec('COMMIT');
}

function add(
  db: DatabaseSync,
  state: State,
  lane: number,
  sequence: number,
  kind: number,
  ts: number,
  value: string,
  stored = state.ageMs,
): void {
  state.waiting[lane]!++;
  db.prepare('INSERT INTO records VALUES (?, ?, ?, ?, ?)').run(rowOf(lane, sequence), kind, ts, stored, value);
}
