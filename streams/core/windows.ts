import { type Aggregation, compileAggregates } from './aggregation.ts';
import { Closing } from './closing.ts';
import type { Origin } from './event-time.ts';
import { compileExpression, type Evaluate } from './expressions.ts';
import type { WindowSize, WindowsTo } from './plan.ts';
import { restoreSaved, saveAll, saveChanges } from './saved-series.ts';
import { type Series, SeriesStore } from './series.ts';
import { growSession, isInside, openSession, touching } from './sessions.ts';
import type { InputRecord, OutputRecord, StateChange } from './task.ts';
import type { Kind, Window } from './window.ts';
import { windowRows } from './window-rows.ts';

/** Why a record is late: the window that takes nothing any more. */
export interface TooLate {
  readonly series: string;
  readonly ts: number;
  readonly windowStart: number;
  readonly windowEnd: number;
  readonly watermark: number;
}

export interface WindowsOptions {
  readonly origin: (name: string) => Origin;
  readonly put: (output: OutputRecord) => void;
  readonly late: (late: TooLate, value: unknown, record: InputRecord) => void;
}

/**
 * Windows of one or more sizes over the series of a task.
 *
 * - A window is put out (revision 0) when its origin's `live` watermark passes its end. A window that begins to fill only after that, from a backlog,
 *   is put out when `complete` passes its end. With early results it is put out before, too, whenever it has changed.
 * - What comes to a window after it was put out refines it: it is put out again with the next revision, when `complete` passes its end, or REFINE_MS
 *   later where it has passed already; or when its origin falls silent. A window only ever grows, so a later revision is never less complete.
 * - A window is forgotten when `complete` has come `graceMs` past its end (and past where it stood when the window began). From then on its series takes
 *   nothing up to that end: that is late. A series without windows is itself forgotten after `rememberMs`; what is older than that is late, too.
 * - A session is kept one gap longer, so that whatever is not late finds the sessions it belongs to.
 */
export class Windows {
  readonly #declaration: WindowsTo;
  readonly #origin: (name: string) => Origin;
  readonly #late: WindowsOptions['late'];
  readonly #by: readonly Evaluate[];
  readonly #kinds: readonly Kind[];
  readonly #aggregation: Aggregation;
  readonly #inputs: unknown[];
  readonly #store: SeriesStore;
  readonly #closing: Closing;

  constructor(declaration: WindowsTo, { origin, put, late }: WindowsOptions) {
    this.#declaration = declaration;
    this.#origin = origin;
    this.#late = late;
    this.#by = Object.values(declaration.by).map(compileExpression);
    this.#kinds = declaration.sizes.map(kindOf);
    this.#aggregation = compileAggregates(declaration.select);
    this.#inputs = this.#aggregation.inputs.map(() => null);
    this.#store = new SeriesStore(this.#kinds, this.#aggregation);
    this.#closing = new Closing({
      store: this.#store,
      rememberMs: declaration.rememberMs,
      earlyEveryMs: declaration.emit?.earlyEveryMs ?? 0,
      putOut: windowRows(declaration, this.#aggregation, this.#store, put),
    });
  }

  get size(): number {
    return this.#store.size;
  }

  /** @returns false where the record belongs to no series */
  add(value: unknown, ts: number, origin: Origin, record: InputRecord): boolean {
    const name = this.#nameOf(value);
    if (name === null) return false;
    const { inputs } = this.#aggregation;
    for (let i = 0; i < inputs.length; i++) this.#inputs[i] = inputs[i]!(value);
    let series = this.#store.get(name);
    for (let size = 0; size < this.#kinds.length; size++) {
      const { ms, advanceMs, session } = this.#kinds[size]!;
      if (session) {
        series = this.#addToSession(series, name, size, value, ts, origin, record);
        continue;
      }
      for (let start = ts - (ts % advanceMs); start > ts - ms; start -= advanceMs) {
        let window = series === undefined ? -1 : this.#store.windowAt(series, size, start);
        if (window < 0) {
          if (start + ms <= this.#closedUntil(series, size, origin)) {
            this.#tooLate(name, ts, start, start + ms, origin, value, record);
            continue;
          }
          series ??= this.#begin(name, value, origin);
          window = this.#open(series, size, start);
        }
        this.#collect(window, ts, record.offset);
        this.#closing.touched(window);
      }
    }
    return true;
  }

  #addToSession(
    known: Series | undefined,
    name: string,
    size: number,
    value: unknown,
    ts: number,
    origin: Origin,
    record: InputRecord,
  ): Series | undefined {
    const store = this.#store;
    const gapMs = this.#kinds[size]!.ms;
    const near = known === undefined ? [] : touching(store, known, size, ts, gapMs);
    const inside = near.find((session) => isInside(store, session, ts, gapMs));
    if (inside !== undefined) {
      this.#collect(inside, ts, record.offset);
      this.#closing.touched(inside);
      return known;
    }
    // It might reach one that is forgotten, even where it touches one that is not.
    if (this.#isSessionOver(known, size, ts, gapMs, origin)) {
      this.#tooLate(name, ts, ts, ts + gapMs, origin, value, record);
      return known;
    }
    const series = known ?? this.#begin(name, value, origin);
    const keepMs = gapMs + this.#declaration.graceMs;
    const session = openSession(store, series, size, ts, near, keepMs);
    growSession(store, session, near, ts + gapMs, keepMs);
    if (!near.includes(session)) this.#closing.opened(session);
    this.#collect(session, ts, record.offset);
    this.#closing.schedule(session);
    return series;
  }

  /** Whether a session that begins at `ts` is over, or one that it would have belonged to. */
  #isSessionOver(series: Series | undefined, size: number, ts: number, gapMs: number, { complete }: Origin): boolean {
    return ts < this.#forgottenUntil(series, size) || ts + gapMs < complete - this.#declaration.rememberMs;
  }

  #collect(window: Window, ts: number, offset: number): void {
    this.#store.collected.add(window, this.#inputs, ts, offset);
    this.#store.changed(window);
  }

  /** Up to where a series takes no new windows. */
  #closedUntil(series: Series | undefined, size: number, origin: Origin): number {
    return Math.max(this.#forgottenUntil(series, size), origin.complete - this.#declaration.rememberMs);
  }

  #forgottenUntil(series: Series | undefined, size: number): number {
    return series === undefined ? 0 : this.#store.forgottenUntil(series, size);
  }

  #tooLate(
    series: string,
    ts: number,
    windowStart: number,
    windowEnd: number,
    origin: Origin,
    value: unknown,
    record: InputRecord,
  ): void {
    this.#late({ series, ts, windowStart, windowEnd, watermark: origin.complete }, value, record);
  }

  #nameOf(value: unknown): string | null {
    let name = '';
    for (let i = 0; i < this.#by.length; i++) {
      const part = this.#by[i]!(value);
      if (part === null) return null;
      const text = `${part}`;
      const isLast = i === this.#by.length - 1;
      name += isLast ? text : `${unambiguous(text)}/`;
    }
    return name;
  }

  #begin(name: string, value: unknown, origin: Origin): Series {
    const columns = this.#by.map((part) => part(value));
    const own = columns.length === 1 && columns[0] === name ? undefined : columns;
    const series = this.#store.create(name, origin, own);
    this.#store.changedSeries(series);
    return series;
  }

  #open(series: Series, size: number, start: number): Window {
    const { complete } = this.#store.originOf(series);
    const end = start + this.#kinds[size]!.ms;
    const window = this.#store.createWindow(series, size, start, Math.max(end, complete) + this.#declaration.graceMs);
    this.#closing.opened(window);
    return window;
  }

  /** An origin's watermarks moved. */
  advance(origin: Origin): void {
    this.#closing.advance(origin);
  }

  /** An origin says nothing more for now: what waits for more of it is put out as it is. */
  silent(origin: Origin): void {
    this.#closing.silent(origin);
  }

  takeChanges(): Iterable<StateChange> {
    return saveChanges(this.#store);
  }

  snapshot(): Iterable<StateChange> {
    return saveAll(this.#store);
  }

  restore(entry: StateChange): void {
    restoreSaved(entry, this.#store, this.#origin);
  }

  /** Takes up what was restored; to be called when everything else of the task has been. */
  settle(): void {
    this.#closing.settle();
  }
}

/** A part of a name that another follows: two series never have one name. */
function unambiguous(part: string): string {
  return part.includes('/') || part.includes('%') ? part.replaceAll('%', '%25').replaceAll('/', '%2F') : part;
}

function kindOf(size: WindowSize): Kind {
  if ('gapMs' in size) return { ms: size.gapMs, advanceMs: 0, session: true };
  return { ms: size.ms, advanceMs: size.advanceMs ?? size.ms, session: false };
}
