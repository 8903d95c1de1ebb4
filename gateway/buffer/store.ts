import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { type Evicted, HeadwaterError, LANES } from '../../contract/index.ts';
import { Ages, type Clock } from './ages.ts';
import { bringUpToDate, Damage, encodeState, endOf, PAGE_BYTES, rowOf, type State, sequenceOf } from './database.ts';
import { asForwarded, epochsAfter } from './epochs.ts';
import { Evictor } from './eviction.ts';
import { KINDS, OUTCOMES } from './protocol.ts';
import { noteDamage, type Opened, openOrRepair } from './recovery.ts';
import { Repeats, repeatLimitsOf } from './repeats.ts';
import { rowsOf } from './rows.ts';
import { writeNote } from './session.ts';
import { bytesOf, MIN_BYTES, sizeOf, walLimitOf } from './sizes.ts';
import type { BufferOptions, BufferStatus, Stored, Submission } from './types.ts';

const [ALARM, LIVE, BACKLOG] = [0, 1, 2] as const;
const [STORED, DUPLICATE, REFUSED] = OUTCOMES.map((_, code) => code) as [number, number, number];
/** Refusing ends when the buffer is down to this share of its bound, so that it does not go on and off with every batch sent. */
const ACCEPT_AGAIN = 0.9;
const VACUUM_PAGES = 256;

/**
 * The buffer's database. Synchronous: it lives in a thread of its own (worker.ts). What it keeps, whatever dies when:
 *
 * 1. A commit holds whole submissions: their records, lanes and sequences, the memory of the device's id, the counters. `commit` returns only
 *    when it is synced; if it throws, nothing of it was stored.
 * 2. A lane's sequences count from 1 in the order of storing, and no number is given twice within an incarnation. A record never changes lane or
 *    sequence.
 * 3. Records leave by `release`, oldest first, or by eviction; evicted ranges are replaced by one `evicted` record at the range's last sequence.
 *    So what `peek` shows of a lane has no hole that is not announced. What `peek` has shown is never evicted.
 * 4. The files together stay below `maxBytes`: pages in use plus the journal, which is checkpointed when it reaches `walLimit`.
 * 5. A new database gets a new incarnation, and so does one that is not the one last used here (see session.ts): nothing new is ever given an
 *    identity that was given before. Records keep theirs.
 */
export class Store {
  readonly recovered: string | null;
  readonly #options: BufferOptions;
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #ages: Ages;
  readonly #clock: Clock;
  readonly #repeats: Repeats;
  readonly #evictor: Evictor;
  readonly #walLimit: number;
  /** Bound on the pages in use: what `maxBytes` leaves beside the journal. */
  readonly #pageLimit: number;
  readonly #sql: Record<
    'begin' | 'commit' | 'insert' | 'saveState' | 'peek' | 'count' | 'remove' | 'head' | 'pages' | 'free',
    StatementSync
  >;
  #state: State;
  #full = false;
  #behind = false;
  /** A commit failed and was not undone yet: the connection may still show what it wrote, and the memory of ids what it did not store. */
  #undone = true;
  #noted: boolean;
  #upToDate: boolean;
  /** Per lane, up to where `peek` has read without a hole. */
  readonly #shown = [0, 0, 0];

  constructor(options: BufferOptions, clock: Clock, opened: Opened = open(options, clock)) {
    const { path, db, state, recovered, noted, upToDate } = opened;
    this.#options = options;
    this.#clock = clock;
    this.#walLimit = walLimitOf(options);
    this.#pageLimit = options.maxBytes - 2 * this.#walLimit;
    this.#path = path;
    this.recovered = recovered;
    this.#noted = noted;
    this.#upToDate = upToDate;
    this.#db = db;
    this.#state = state;
    this.#ages = new Ages(clock, state);
    this.#repeats = new Repeats(db, repeatLimitsOf(options.maxBytes));
    this.#evictor = new Evictor(db);
    this.#sql = {
      begin: db.prepare('BEGIN IMMEDIATE'),
      commit: db.prepare('COMMIT'),
      insert: db.prepare('INSERT INTO records VALUES (?, ?, ?, ?, ?)'),
      saveState: db.prepare('UPDATE state SET json = ?'),
      peek: db.prepare('SELECT id, kind, value FROM records WHERE id > ? AND id < ? ORDER BY id LIMIT +?'),
      count: db.prepare(
        'SELECT count(*) AS records, total(kind = 0) AS readings FROM records WHERE id > ? AND id <= ?',
      ),
      remove: db.prepare('DELETE FROM records WHERE id > ? AND id <= ?'),
      head: db.prepare('SELECT ts, stored FROM records WHERE id > ? AND id < ? ORDER BY id LIMIT 1'),
      pages: db.prepare('PRAGMA page_count'),
      free: db.prepare('PRAGMA freelist_count'),
    };
  }

  get incarnation(): string {
    return this.#state.epochs.at(-1)!.incarnation;
  }

  /** Highest sequence of each lane. */
  get last(): number[] {
    return [...this.#state.last];
  }

  /**
   * Stores submissions and removes released records (lane → sequence) in one synced commit; gives the outcome codes in the submissions' order.
   *
   * @throws SQLite's error when the disk fails; then nothing was stored or removed
   */
  commit(submissions: readonly Submission[], releases: ReadonlyMap<number, number>): Uint8Array {
    if (submissions.length > 0) this.#makeUpToDate(submissions.length, releases);
    const before = JSON.stringify(this.#state);
    try {
      this.#undo();
      this.#sql.begin.run();
      let changed = this.#evictOld();
      for (const [lane, sequence] of releases) changed = this.#release(lane, sequence) || changed;
      const { outcomes, wrote } = this.#store(submissions);
      changed ||= wrote;
      if (changed) {
        this.#repeats.save();
        this.#state.commits++;
        this.#state.ageMs = this.#ages.now();
        this.#state.wallMs = this.#clock.wall();
        this.#sql.saveState.run(encodeState(this.#state));
      }
      this.#sql.commit.run();
      return outcomes;
    } catch (error) {
      this.#undone = false;
      this.#state = JSON.parse(before);
      this.#state.counts.refused += submissions.length;
      try {
        this.#undo();
      } catch {
        // A disk that cannot be read either. Nothing is stored or shown before it is done.
      }
      throw error;
    }
  }

  /** What Kafka has may leave without, and makes room. @throws SQLite's error where there is still too little */
  #makeUpToDate(submissions: number, releases: ReadonlyMap<number, number>): void {
    if (this.#upToDate) return;
    try {
      this.#undo();
      bringUpToDate(this.#db);
      this.#upToDate = true;
      this.#undone = false;
    } catch (error) {
      this.refuse(submissions);
      if (releases.size > 0) this.commit([], releases);
      throw error;
    }
  }

  /** Takes back what is left of a failed commit, if anything is. @throws SQLite's error when the disk fails */
  #undo(): void {
    if (this.#undone) return;
    if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
    this.#repeats.load();
    this.#undone = true;
  }

  #store(submissions: readonly Submission[]): { readonly outcomes: Uint8Array; readonly wrote: boolean } {
    const outcomes = new Uint8Array(submissions.length).fill(STORED);
    const state = this.#state;
    const stored = this.#ages.now();
    const lane = this.#liveIsLate(stored) ? BACKLOG : LIVE;
    // Given up and counted, even if after that nothing is stored.
    let wrote = this.#makeRoom(submissions);
    let room = this.#pageLimit - this.#pagesInUse() * PAGE_BYTES;
    for (const [at, submission] of submissions.entries()) {
      const { entries, id, forget } = submission;
      if (forget && this.#repeats.forget(forget)) wrote = true;
      if (entries.length === 0 && !id) continue;
      if (id && this.#repeats.isRepeat(id)) {
        outcomes[at] = DUPLICATE;
        state.counts.duplicates++;
        continue;
      }
      const size = sizeOf(submission);
      if (this.#full || size > room) {
        this.#full = this.#options.whenFull === 'reject-new';
        outcomes[at] = REFUSED;
        state.counts.refused++;
        continue;
      }
      room -= size;
      for (const entry of entries) {
        const its = entry.alarm ? ALARM : lane;
        const sequence = ++state.last[its]!;
        state.waiting[its]!++;
        if (entry.kind === 'reading') state.counts.acknowledged++;
        else state.counts.rejected++;
        this.#sql.insert.run(rowOf(its, sequence), KINDS.indexOf(entry.kind), entry.ts, stored, entry.value);
      }
      if (id) this.#repeats.remember(id);
      wrote = true;
    }
    return { outcomes, wrote };
  }

  #liveIsLate(now: number): boolean {
    const head = this.#head(LIVE);
    return head !== undefined && now - head.stored > this.#options.liveWithinMs;
  }

  #evictOld(): boolean {
    const down = this.#pagesInUse() * PAGE_BYTES - this.#walLimit;
    const enough = () => this.#pagesInUse() * PAGE_BYTES <= down;
    const any = this.#evictor.evictOlderThan(this.#ages.now() - this.#options.maxAgeMs, enough, this.#state);
    this.#behind = any && enough();
    return any;
  }

  /** Gives up old records for new ones, if that is the policy, and ids beyond their share; true if there were any. */
  #makeRoom(submissions: readonly Submission[]): boolean {
    const accepting = this.#pageLimit * ACCEPT_AGAIN;
    const forgot = this.#pagesInUse() * PAGE_BYTES > accepting && this.#repeats.shrink();
    const used = this.#pagesInUse() * PAGE_BYTES;
    if (this.#options.whenFull === 'drop-oldest') {
      const wanted = submissions.reduce((sum, submission) => sum + sizeOf(submission), 0);
      if (used + wanted > this.#pageLimit) {
        const spare = Math.min(this.#pageLimit / 16, 1024 * 1024);
        const target = Math.max(0, this.#pageLimit - wanted - spare);
        const most = used - Math.max(this.#walLimit, wanted + spare);
        const down = Math.max(target, most);
        const any = this.#evictor.evictUntil(() => this.#pagesInUse() * PAGE_BYTES <= down, this.#state);
        this.#behind ||= any && most > target;
        return any || forgot;
      }
    } else if (used <= accepting) this.#full = false;
    return forgot;
  }

  #release(lane: number, sequence: number): boolean {
    const range = [rowOf(lane, 0), rowOf(lane, sequence)] as const;
    const { records, readings } = this.#sql.count.get(...range) as { records: number; readings: number };
    if (records === 0) return false;
    this.#sql.remove.run(...range);
    this.#state.waiting[lane]! -= records;
    this.#state.counts.forwarded += readings;
    this.#state.released[lane] = Math.min(sequence, this.#state.last[lane]!);
    this.#state.epochs = epochsAfter(this.#state.epochs, this.#state.released);
    return true;
  }

  peek(lane: number, after: number, records: number, bytes: number): Stored[] {
    this.#undo();
    const found: Stored[] = [];
    let size = 0;
    for (const row of rowsOf(this.#sql.peek, rowOf(lane, after), endOf(lane), records)) {
      const { kind, value } = row as { kind: number; value: unknown };
      const sequence = sequenceOf(row.id as number);
      if (typeof value !== 'string' || KINDS[kind] === undefined) {
        throw new Damage(`${LANES[lane]} record ${sequence} is no record`);
      }
      size += Buffer.byteLength(value);
      if (size > bytes && found.length > 0) break;
      const first = KINDS[kind] === 'evicted' ? (JSON.parse(value) as Evicted).from : sequence;
      const before = found.at(-1)?.sequence ?? (after === this.#shown[lane] && after > 0 ? after : first - 1);
      if (first !== before + 1) {
        throw new Damage(`${LANES[lane]} record ${first} comes after ${before}: what was between them is gone`);
      }
      const forwarded = asForwarded(this.#state.epochs, lane, sequence, kind, value);
      found.push({ lane: LANES[lane]!, sequence, kind: KINDS[kind], ...forwarded });
    }
    if (found.length === 0) return found;
    this.#shown[lane] = found.at(-1)!.sequence;
    this.#evictor.handedOut(lane, this.#shown[lane]);
    return found;
  }

  /** Whether submissions are refused until there is room again. */
  get full(): boolean {
    return this.#full;
  }

  /**
   * Whether the last commit gave up as much as it may and the next one should follow: all at once, after a long time without power or with a smaller
   * `maxBytes`, would write as much to the journal as the database has, and take longer than a watchdog waits.
   */
  get behind(): boolean {
    return this.#behind;
  }

  /** Counts submissions that were refused without being tried. */
  refuse(submissions: number): void {
    this.#state.counts.refused += submissions;
  }

  status(): Omit<BufferStatus, 'problem'> {
    const { waiting, counts } = this.#state;
    const heads = [ALARM, LIVE, BACKLOG].flatMap((lane) => this.#head(lane)?.ts ?? []);
    return {
      incarnation: this.incarnation,
      readings: waiting[0] + waiting[1] + waiting[2],
      bytes: bytesOf(this.#path) + bytesOf(`${this.#path}-wal`),
      oldestTs: heads.length > 0 ? Math.min(...heads) : null,
      lanes: { alarm: waiting[0], live: waiting[1], backlog: waiting[2] },
      counts: { ...counts },
    };
  }

  /** Keeps the journal within its limit. To be called after each commit, when it has been answered. */
  checkpoint(): void {
    const due = bytesOf(`${this.#path}-wal`) > this.#walLimit;
    if (due) this.#db.exec('PRAGMA wal_checkpoint(PASSIVE)');
    if (due || !this.#noted) this.#note(false);
    this.#noted = true;
  }

  /**
   * One short step of giving disk back after a drain, for idle moments; true while there is more to do. Pages that a busy buffer frees and
   * fills again all the time are let be.
   */
  shrink(): boolean {
    const free = this.#sql.free.get()!.freelist_count as number;
    if (free * PAGE_BYTES > this.#walLimit || (free > 0 && this.#shrinking)) {
      this.#shrinking = true;
      this.#db.exec(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`);
      this.checkpoint();
      return true;
    }
    if (this.#shrinking) this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    this.#shrinking = false;
    return false;
  }
  #shrinking = false;

  /** With `damage`, the next opening repairs the database. */
  close(damage?: string): void {
    try {
      if (damage === undefined) this.#note(true);
      else noteDamage(this.#options.dir, damage);
    } finally {
      this.#db.close();
    }
  }

  #note(closing: boolean): void {
    const { session, commits } = this.#state;
    writeNote(this.#options.dir, { session: session.now, commits, closing });
  }

  /** The oldest record of a lane. */
  #head(lane: number): { readonly ts: number; readonly stored: number } | undefined {
    return this.#sql.head.get(rowOf(lane, 0), endOf(lane)) as { ts: number; stored: number } | undefined;
  }

  #pagesInUse(): number {
    return (this.#sql.pages.get()!.page_count as number) - (this.#sql.free.get()!.freelist_count as number);
  }
}

/** @throws HeadwaterError `BUFFER_OPTIONS`, `BUFFER_OPEN`, `BUFFER_IN_USE`, `BUFFER_NEWER` */
export function open(options: BufferOptions, clock: Clock, lastTry = true): Opened {
  if (options.maxBytes < MIN_BYTES) {
    throw new HeadwaterError('BUFFER_OPTIONS', `the buffer needs at least ${MIN_BYTES} bytes, not ${options.maxBytes}`);
  }
  return openOrRepair(options.dir, walLimitOf(options), clock.wall(), lastTry);
}
