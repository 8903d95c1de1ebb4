import { CONTRACT_VERSION, encode, HEADER, type Late } from '../../contract/index.ts';
import { type Aggregation, compileAggregates } from './accumulators.ts';
import { Agenda } from './agenda.ts';
import type { Origin } from './event-time.ts';
import { compileExpression, type Evaluate } from './expressions.ts';
import type { WindowsTo } from './job.ts';
import { type Series, SeriesStore, type Window } from './series.ts';
import type { InputRecord, OutputRecord, StateChange } from './task.ts';

/** A window whose time is over waits this long, in event time, for more before it is put out again. */
const REFINE_MS = 2_000;

/** What is to be done for the series of one origin as its watermarks move. */
class Agendas {
  readonly live = new Agenda<Window>();
  readonly complete = new Agenda<Window>();
  readonly windows = new Agenda<Window>();
  readonly series = new Agenda<Series>();
}

/**
 * Tumbling windows of one or more sizes over the series of a task.
 *
 * - A window is put out (revision 0) when its origin's `live` watermark passes its end. A window that begins to fill only after that, from a backlog,
 *   is put out when `complete` passes its end.
 * - What comes to a window after it was put out refines it: it is put out again with the next revision, when `complete` passes its end, or REFINE_MS
 *   later where it has passed already; or when its origin falls silent. A window only ever grows, so a later revision is never less complete.
 * - A window is forgotten when `complete` has come `graceMs` past its end (and past where it stood when the window began). From then on its series takes
 *   nothing up to that end: that is late. A series without windows is itself forgotten after `rememberMs`; what is older than that is late, too.
 */
export class Windows {
  readonly #declaration: WindowsTo;
  readonly #origin: (name: string) => Origin;
  readonly #put: (output: OutputRecord) => void;
  readonly #late: (late: Omit<Late, 'topic' | 'step' | 'bytes'>, record: InputRecord) => void;
  readonly #names: readonly string[];
  readonly #by: readonly Evaluate[];
  readonly #sizes: readonly number[];
  readonly #aggregation: Aggregation;
  readonly #inputs: unknown[];
  readonly #store: SeriesStore;
  readonly #agendas = new Map<Origin, Agendas>();
  #restored: Map<string, unknown> | undefined;

  constructor(
    declaration: WindowsTo,
    options: {
      readonly origin: (name: string) => Origin;
      readonly put: (output: OutputRecord) => void;
      readonly late: (late: Omit<Late, 'topic' | 'step' | 'bytes'>, record: InputRecord) => void;
    },
  ) {
    this.#declaration = declaration;
    this.#origin = options.origin;
    this.#put = options.put;
    this.#late = options.late;
    this.#names = Object.keys(declaration.by);
    this.#by = Object.values(declaration.by).map(compileExpression);
    this.#sizes = declaration.sizes.map((size) => size.ms);
    this.#aggregation = compileAggregates(declaration.select);
    this.#inputs = this.#aggregation.inputs.map(() => null);
    this.#store = new SeriesStore(this.#sizes, this.#aggregation);
  }

  /** @returns false where the record belongs to no series */
  add(value: unknown, ts: number, origin: Origin, record: InputRecord): boolean {
    const name = this.#nameOf(value);
    if (name === null) return false;
    const { inputs } = this.#aggregation;
    for (let i = 0; i < inputs.length; i++) this.#inputs[i] = inputs[i]!(value);
    let series = this.#store.get(name);
    for (let size = 0; size < this.#sizes.length; size++) {
      const ms = this.#sizes[size]!;
      const start = ts - (ts % ms);
      const slot = series?.slots[size];
      let window = slot?.last;
      if (window === undefined || window.start !== start) {
        window = slot?.windows.get(start);
        if (window === undefined) {
          const closed = Math.max(slot?.forgottenUntil ?? 0, origin.complete - this.#declaration.rememberMs);
          if (start + ms <= closed) {
            const watermark = origin.complete;
            this.#late({ series: name, ts, windowStart: start, windowEnd: start + ms, watermark }, record);
            continue;
          }
          series ??= this.#begin(name, value, origin);
          window = this.#open(series, size, start);
        }
        series!.slots[size]!.last = window;
      }
      for (let i = 0; i < inputs.length; i++) window.accumulators[i]!.add(this.#inputs[i], ts);
      this.#store.changed(window);
      if (window.due === null) this.#schedule(window);
    }
    return true;
  }

  #nameOf(value: unknown): string | null {
    let name = '';
    for (let i = 0; i < this.#by.length; i++) {
      const part = this.#by[i]!(value);
      if (part === null) return null;
      name = i === 0 ? `${part}` : `${name}/${part}`;
    }
    return name;
  }

  #begin(name: string, value: unknown, origin: Origin): Series {
    const series = this.#store.create(
      name,
      origin,
      this.#by.map((part) => part(value)),
    );
    this.#store.changedSeries(series);
    return series;
  }

  #open(series: Series, size: number, start: number): Window {
    const { complete } = series.origin;
    const end = start + this.#sizes[size]!;
    const window = this.#store.createWindow(series, size, start, Math.max(end, complete) + this.#declaration.graceMs);
    this.#agendasOf(series.origin).windows.add(window.keepUntil, window);
    return window;
  }

  #schedule(window: Window): void {
    const { live, complete } = window.series.origin;
    const { end } = window;
    window.due =
      live < end
        ? { watermark: 'live', at: end }
        : { watermark: 'complete', at: complete < end ? end : complete + REFINE_MS };
    this.#agendasOf(window.series.origin)[window.due.watermark].add(window.due.at, window);
  }

  #agendasOf(origin: Origin): Agendas {
    let agendas = this.#agendas.get(origin);
    if (agendas === undefined) {
      agendas = new Agendas();
      this.#agendas.set(origin, agendas);
    }
    return agendas;
  }

  /** An origin's watermarks moved. */
  advance(origin: Origin): void {
    const agendas = this.#agendas.get(origin);
    if (agendas === undefined) return;
    const { live, complete } = origin;
    if (live >= agendas.live.next) this.#putOut(agendas.live.take(live));
    if (complete < agendas.complete.next && complete < agendas.windows.next && complete < agendas.series.next) return;
    this.#putOut(agendas.complete.take(complete));
    const over = agendas.windows.take(complete);
    this.#putOut(over);
    for (const window of over) this.#forget(window, agendas, complete);
    for (const series of agendas.series.take(complete)) {
      if (series.windows === 0 && series.keepUntil <= complete && !series.forgotten) this.#store.forgetSeries(series);
    }
    if (agendas.series.next === Infinity && agendas.windows.next === Infinity) this.#agendas.delete(origin);
  }

  /** An origin says nothing more for now: what waits for more of it is put out as it is. */
  silent(origin: Origin): void {
    const agendas = this.#agendas.get(origin);
    if (agendas !== undefined) this.#putOut(agendas.complete.take(Infinity));
  }

  #forget(window: Window, agendas: Agendas, complete: number): void {
    const { series } = window;
    this.#store.forgetWindow(window);
    if (series.windows > 0) return;
    series.keepUntil = complete + this.#declaration.rememberMs;
    agendas.series.add(series.keepUntil, series);
  }

  #putOut(windows: Window[]): void {
    // The same order whatever the order of arrival.
    windows.sort((a, b) => a.end - b.end || a.size - b.size || (a.series.name < b.series.name ? -1 : 1));
    for (const window of windows) {
      // An agenda may still hold one that was forgotten, or put out for another reason.
      if (window.due === null || window.forgotten) continue;
      const { series, size, start, end } = window;
      const row: Record<string, unknown> = {
        series: series.name,
        windowStart: start,
        windowEnd: end,
        revision: window.revision,
      };
      for (let i = 0; i < this.#names.length; i++) row[this.#names[i]!] = series.columns[i];
      Object.assign(row, this.#aggregation.results(window.accumulators));
      this.#put({
        topic: this.#declaration.sizes[size]!.to.name,
        key: series.name,
        value: encode(row),
        headers: { [HEADER.version]: CONTRACT_VERSION },
      });
      window.revision++;
      window.due = null;
      this.#store.changed(window);
    }
  }

  takeChanges(): Iterable<StateChange> {
    return this.#store.takeChanges();
  }

  snapshot(): Iterable<StateChange> {
    return this.#store.snapshot();
  }

  restore({ key, value }: StateChange): void {
    this.#restored ??= new Map();
    if (value === undefined) this.#restored.delete(key);
    else this.#restored.set(key, value);
  }

  /** Takes up what was restored; to be called when everything else of the task has been. */
  settle(): void {
    if (this.#restored === undefined) return;
    const { series, windows } = this.#store.load(this.#restored, this.#origin);
    this.#restored = undefined;
    for (const window of windows) {
      const agendas = this.#agendasOf(window.series.origin);
      agendas.windows.add(window.keepUntil, window);
      if (window.due !== null) agendas[window.due.watermark].add(window.due.at, window);
    }
    for (const one of series) {
      if (one.windows === 0) this.#agendasOf(one.origin).series.add(one.keepUntil, one);
    }
  }
}
