import { Agenda } from './agenda.ts';
import type { Origin, Passage, Progress } from './event-time.ts';
import type { Row, Sink } from './operators.ts';
import type { JoinWithin } from './plan.ts';
import type { StateChange } from './task.ts';
import type { TooLate } from './windows.ts';

/** A record that may still find partners. */
interface Held {
  readonly id: number;
  readonly ts: number;
  readonly appendedAt: number;
  readonly offset: number;
  readonly value: unknown;
  matched: boolean;
  /** No longer held. */
  gone: boolean;
}

/** The records of a key, the earliest first, and when the first of them is to be let go. */
interface HeldOfKey {
  readonly records: Held[];
  due: number;
}

interface Side {
  readonly index: 0 | 1;
  /** How much earlier and later a partner may be. */
  readonly backMs: number;
  readonly onMs: number;
  /** Whether a record without partner comes out. */
  readonly alone: boolean;
  readonly keys: Map<string, HeldOfKey>;
  readonly agenda: Agenda<string>;
}

type SavedHeld = [ts: number, appendedAt: number, offset: number, matched: 0 | 1, value: unknown];

export interface StreamJoinOptions {
  readonly partition: number;
  /** How far time has come on each side. */
  readonly passages: readonly [Passage, Passage];
  /** Topics that the sides are named after. */
  readonly topics: readonly [string, string];
  readonly emit: Sink;
  readonly late: (late: TooLate, topic: string, row: Row) => void;
}

/**
 * Two streams within a time of each other. Records of both sides are held, by key, until no partner can come any more:
 *
 * - Time is as far as the slower side has settled. A record older than that by more than the grace is late: partners of it may be gone.
 * - So a record may be let go when time is past its reach and the grace: whatever comes then is too far from it. Without a partner until then it comes
 *   out alone, once, in a left or outer join.
 * - A pair comes out at once, when its second record comes; duplicates make pairs of their own.
 */
export class StreamJoin implements Passage {
  /** The time of what comes out, for what follows in the same task. */
  readonly origin: Origin = { name: '', live: 0, complete: 0 };
  readonly #declaration: JoinWithin;
  readonly #options: StreamJoinOptions;
  readonly #sides: readonly [Side, Side];
  readonly #row: Row;
  /** Up to when both sides are settled, less the grace: what is older is late. */
  #settled = 0;
  #nextId = 0;
  #settledChanged = false;
  readonly #changed = new Map<string, Held | undefined>();
  #held = 0;
  #restored: Map<string, unknown> | undefined;

  constructor(declaration: JoinWithin, options: StreamJoinOptions) {
    const { type, beforeMs, afterMs } = declaration;
    this.#declaration = declaration;
    this.#options = options;
    this.#sides = [side(0, beforeMs, afterMs, type !== 'inner'), side(1, afterMs, beforeMs, type === 'outer')];
    this.#row = { origin: this.origin } as Row;
  }

  /** Records held. */
  get size(): number {
    return this.#held;
  }

  combined(): Progress {
    const silent = this.#options.passages.every((passage) => passage.combined().silent);
    return { live: this.origin.live, complete: this.origin.complete, silent };
  }

  settled(): number {
    return this.origin.live;
  }

  /** @returns false where the record has no key */
  add(index: 0 | 1, row: Row): boolean {
    const { key, appendedAt, offset } = row.record;
    if (key === null) return false;
    const { ts, value } = row;
    const mine = this.#sides[index];
    const theirs = this.#sides[1 - index]!;
    const [windowStart, last] = [ts - mine.backMs, ts + mine.onMs];
    if (ts < this.#settled) {
      const late = { series: key, ts, windowStart, windowEnd: last + 1, watermark: this.#settled };
      this.#options.late(late, this.#options.topics[index], row);
      return true;
    }
    const held: Held = { id: this.#nextId++, ts, appendedAt, offset, value, matched: false, gone: false };
    const partners = theirs.keys.get(key)?.records ?? [];
    for (let i = firstFrom(partners, windowStart); i < partners.length && partners[i]!.ts <= last; i++) {
      const partner = partners[i]!;
      held.matched = true;
      if (theirs.alone && !partner.matched) {
        partner.matched = true;
        this.#changed.set(nameOf(theirs, key, partner), partner);
      }
      this.#emit(
        row,
        Math.max(ts, partner.ts),
        index === 0 ? value : partner.value,
        index === 0 ? partner.value : value,
      );
    }
    this.#hold(mine, key, held);
    this.#changed.set(nameOf(mine, key, held), held);
    return true;
  }

  /** Looks how far time has come, and lets go what is over. @returns whether the time of what comes out moved */
  advance(): boolean {
    const [left, right] = this.#options.passages;
    const settled = Math.min(left.settled(), right.settled()) - this.#declaration.graceMs;
    if (settled <= this.#settled) return false;
    this.#settled = settled;
    this.#settledChanged = true;
    const over = this.#sides.flatMap((one) => this.#letGo(one, settled));
    // The same order whatever the order of arrival.
    over.sort(
      (a, b) =>
        a.held.ts - b.held.ts || a.side - b.side || (a.key < b.key ? -1 : a.key > b.key ? 1 : a.held.id - b.held.id),
    );
    for (const { side, key, held } of over) {
      const { appendedAt, offset, value, ts } = held;
      const { partition, topics } = this.#options;
      const record = { key, value: null, headers: {}, partition, offset, appendedAt };
      const of = { record, topic: topics[side] };
      this.#emit(of, ts, side === 0 ? value : null, side === 0 ? null : value);
    }
    this.#moveOrigin();
    return true;
  }

  #moveOrigin(): void {
    // What is held may still come out alone.
    const reach = Math.max(...this.#sides.map(({ alone, onMs }) => (alone ? onMs : 0)));
    this.origin.live = Math.max(0, this.#settled - reach);
    this.origin.complete = this.origin.live;
  }

  #emit({ record, topic }: Pick<Row, 'record' | 'topic'>, ts: number, left: unknown, right: unknown): void {
    const [leftName, rightName] = this.#declaration.as;
    const row = this.#row;
    row.value = { [leftName]: left, [rightName]: right };
    row.ts = ts;
    row.record = record;
    row.topic = topic;
    this.#options.emit(row);
  }

  #hold(on: Side, key: string, held: Held): void {
    let of = on.keys.get(key);
    if (of === undefined) {
      of = { records: [], due: Infinity };
      on.keys.set(key, of);
    }
    const { records } = of;
    records.splice(firstFrom(records, held.ts + 1), 0, held);
    this.#held++;
    this.#schedule(on, key, of);
  }

  #schedule(on: Side, key: string, of: HeldOfKey): void {
    const due = of.records[0]!.ts + on.onMs + 1;
    if (due >= of.due) return;
    of.due = due;
    on.agenda.add(due, key);
  }

  #letGo(on: Side, settled: number): { side: 0 | 1; key: string; held: Held }[] {
    const alone: { side: 0 | 1; key: string; held: Held }[] = [];
    for (const key of on.agenda.take(settled)) {
      const of = on.keys.get(key);
      if (of === undefined || of.due > settled) continue;
      const over = of.records.splice(0, firstFrom(of.records, settled - on.onMs));
      this.#held -= over.length;
      for (const held of over) {
        held.gone = true;
        this.#changed.set(nameOf(on, key, held), undefined);
        if (on.alone && !held.matched) alone.push({ side: on.index, key, held });
      }
      of.due = Infinity;
      if (of.records.length === 0) on.keys.delete(key);
      else this.#schedule(on, key, of);
    }
    return alone;
  }

  *takeChanges(): Iterable<StateChange> {
    for (const [key, held] of this.#changed) yield { key, value: held && save(held) };
    this.#changed.clear();
    if (this.#settledChanged) yield { key: 'j', value: this.#settled };
    this.#settledChanged = false;
  }

  *snapshot(): Iterable<StateChange> {
    yield { key: 'j', value: this.#settled };
    for (const one of this.#sides) {
      for (const [key, { records }] of one.keys) {
        // Some may be let go, and others come, while this waits for the next commit.
        for (const held of [...records]) if (!held.gone) yield { key: nameOf(one, key, held), value: save(held) };
      }
    }
  }

  restore({ key, value }: StateChange): void {
    this.#restored ??= new Map();
    if (value === undefined) this.#restored.delete(key);
    else this.#restored.set(key, value);
  }

  /** Takes up what was restored; to be called when everything else of the task has been. */
  settle(): void {
    const restored = this.#restored ?? new Map();
    this.#restored = undefined;
    for (const [name, value] of restored) {
      if (name === 'j') {
        this.#settled = value as number;
        this.#moveOrigin();
        continue;
      }
      const [, index, id] = name.split('/', 3) as [string, string, string];
      const { keys } = this.#sides[Number(index)]!;
      const key = name.slice(4 + index.length + id.length);
      const [ts, appendedAt, offset, matched, of] = value as SavedHeld;
      const held = { id: Number(id), ts, appendedAt, offset, value: of, matched: matched === 1, gone: false };
      this.#nextId = Math.max(this.#nextId, held.id + 1);
      const known = keys.get(key);
      if (known === undefined) keys.set(key, { records: [held], due: Infinity });
      else known.records.push(held);
      this.#held++;
    }
    for (const on of this.#sides) {
      for (const [key, of] of on.keys) {
        of.records.sort((a, b) => a.ts - b.ts || a.id - b.id);
        this.#schedule(on, key, of);
      }
    }
  }
}

function side(index: 0 | 1, backMs: number, onMs: number, alone: boolean): Side {
  return { index, backMs, onMs, alone, keys: new Map(), agenda: new Agenda() };
}

/** Index of the first record at or after a time. */
function firstFrom(records: readonly Held[], ts: number): number {
  let [from, to] = [0, records.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (records[middle]!.ts < ts) from = middle + 1;
    else to = middle;
  }
  return from;
}

function nameOf({ index }: Side, key: string, { id }: Held): string {
  return `j/${index}/${id}/${key}`;
}

function save({ ts, appendedAt, offset, matched, value }: Held): SavedHeld {
  return [ts, appendedAt, offset, matched ? 1 : 0, value];
}
