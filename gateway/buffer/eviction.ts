import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Evicted } from '../../contract/index.ts';
import { endOf, rowOf, type State, sequenceOf } from './database.ts';
import { endOfEpoch } from './epochs.ts';
import { KINDS } from './protocol.ts';

const EVICTED = KINDS.indexOf('evicted');
/** What is given up first: what an outage left behind, then what is new, alarms last. */
const ORDER = [2, 1, 0];
const STEP = 1000;
const FULL = 'the buffer was full';
const OLD = 'older than the buffer keeps';

/**
 * Gives up old records inside the store's transaction and announces them: the evicted range becomes one `evicted` record at its last sequence,
 * merged with an announcement just before it, so the lane stays without holes. Never touches what was handed out to the forwarder.
 */
export class Evictor {
  readonly #handedOut: [number, number, number] = [0, 0, 0];
  readonly #sql: Record<'oldest' | 'first' | 'remove' | 'announce' | 'head', StatementSync>;

  constructor(db: DatabaseSync) {
    this.#sql = {
      head: db.prepare(`SELECT stored FROM records WHERE id > ? AND id < ? AND kind <> ${EVICTED} ORDER BY id LIMIT 1`),
      oldest: db.prepare(
        `SELECT count(*) AS records, total(kind = 0) AS readings, total(kind <> ${EVICTED}) AS news,
           max(id) AS last, max(ts) AS ts, max(stored) AS stored
         FROM (SELECT * FROM records WHERE id > ? AND id < ? ORDER BY id LIMIT ${STEP}) WHERE stored < ?`,
      ),
      first: db.prepare('SELECT id, kind, value FROM records WHERE id > ? AND id < ? ORDER BY id LIMIT 1'),
      remove: db.prepare('DELETE FROM records WHERE id > ? AND id <= ?'),
      announce: db.prepare('INSERT INTO records VALUES (?, ?, ?, ?, ?)'),
    };
  }

  handedOut(lane: number, sequence: number): void {
    this.#handedOut[lane] = Math.max(this.#handedOut[lane]!, sequence);
  }

  /** Gives up what was stored before `limit`, until `enough()` is for now; true if there was any. */
  evictOlderThan(limit: number, enough: () => boolean, state: State): boolean {
    let any = false;
    for (const lane of ORDER) {
      const head = this.#sql.head.get(rowOf(lane, this.#handedOut[lane]!), endOf(lane));
      if (head && (head.stored as number) < limit) {
        while (!enough() && this.#evictStep(lane, limit, OLD, state)) any = true;
      }
    }
    return any;
  }

  /** Gives up the oldest until `enough()` or until nothing is left that may be given up; true if there was any. */
  evictUntil(enough: () => boolean, state: State): boolean {
    let any = false;
    for (const lane of ORDER) {
      while (!enough()) {
        if (!this.#evictStep(lane, Number.MAX_SAFE_INTEGER, FULL, state)) break;
        any = true;
      }
    }
    return any;
  }

  #evictStep(lane: number, storedBefore: number, reason: string, state: State): boolean {
    for (let after = rowOf(lane, this.#handedOut[lane]!); ; ) {
      const first = this.#sql.first.get(after, endOf(lane)) as unknown as First | undefined;
      if (!first) return false;
      // An announcement stays within one incarnation, so that its range means something to the hub.
      const end = endOfEpoch(state.epochs, lane, sequenceOf(first.id));
      const until = end === undefined ? endOf(lane) : rowOf(lane, end) + 1;
      const oldest = this.#sql.oldest.get(after, until, storedBefore) as unknown as Oldest;
      if (oldest.news > 0) {
        this.#replace(lane, after, first, oldest, reason, state);
        return true;
      }
      if (end === undefined) return false;
      after = rowOf(lane, end);
    }
  }

  #replace(lane: number, after: number, first: First, oldest: Oldest, reason: string, state: State): void {
    const { records, readings, last, ts, stored } = oldest;
    const earlier = first.kind === EVICTED ? (JSON.parse(first.value) as Evicted) : undefined;
    const evicted: Evicted = {
      from: earlier?.from ?? sequenceOf(first.id),
      to: sequenceOf(last),
      reason:
        earlier && !earlier.reason.includes(reason) ? `${earlier.reason}; ${reason}` : (earlier?.reason ?? reason),
    };
    this.#sql.remove.run(after, last);
    this.#sql.announce.run(last, EVICTED, ts, stored, JSON.stringify(evicted));
    state.waiting[lane]! -= records - 1;
    state.counts.evicted += readings;
  }
}

interface First {
  readonly id: number;
  readonly kind: number;
  readonly value: string;
}

type Oldest = Readonly<Record<'records' | 'readings' | 'news' | 'last' | 'ts' | 'stored', number>>;
