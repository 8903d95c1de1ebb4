import type { Aggregation } from './aggregation.ts';
import { Collected } from './collected.ts';
import type { Origin } from './event-time.ts';
import { type Due, type Span, Window } from './window.ts';

export interface Series {
  readonly name: string;
  readonly origin: Origin;
  /** Undefined where its name is the only one. */
  readonly columns: readonly unknown[] | undefined;
  /** One for each size. */
  readonly slots: readonly Slot[];
  windows: number;
  /** While it has no windows: it is forgotten when `complete` reaches this. */
  keepUntil: number;
  forgotten: boolean;
  changed: boolean;
}

export interface Slot {
  /** In the order of their starts. Replaced, not changed: an array that grows takes room for sixteen more. */
  windows: readonly Window[];
  /** The window last asked for: most records fall into the same one as the record before. */
  last: Window | undefined;
  /** End of the latest window forgotten. */
  forgottenUntil: number;
}

/** Of one size, how many spans are known at a time. */
const SPANS = 64;

/** How the windows of one size lie in time. */
export interface Kind {
  /** Length, or the gap of sessions. */
  readonly ms: number;
  /** From the start of one window to that of the next; 0 for sessions. */
  readonly advanceMs: number;
  readonly session: boolean;
}

export function windowAt(slot: Slot, start: number): Window | undefined {
  const window = slot.windows[placeOf(slot, start)];
  return window?.start === start ? window : undefined;
}

/** The place of the first window that does not begin before `start`. */
function placeOf({ windows }: Slot, start: number): number {
  let low = 0;
  let high = windows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (windows[middle]!.start < start) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The state of a step's windows, and what of it changed; see `saved-series.ts` for how it is saved. */
export class SeriesStore {
  readonly collected: Collected;
  readonly #kinds: readonly Kind[];
  readonly #series = new Map<string, Series>();
  /** Those last given to windows, SPANS of each size, by when they begin. */
  readonly #spans: (Span | undefined)[];
  #lastDue: Due = { watermark: 'live', at: 0 };
  #changedSeries: Series[] = [];
  #changedWindows: Window[] = [];
  #windows = 0;

  constructor(kinds: readonly Kind[], aggregation: Aggregation) {
    this.collected = new Collected(aggregation);
    this.#kinds = kinds;
    this.#spans = Array.from({ length: kinds.length * SPANS }, () => undefined);
  }

  /** Series and their windows. */
  get size(): number {
    return this.#series.size + this.#windows;
  }

  get(name: string): Series | undefined {
    return this.#series.get(name);
  }

  all(): Iterable<Series> {
    return this.#series.values();
  }

  create(name: string, origin: Origin, columns: readonly unknown[] | undefined): Series {
    const slots = this.#kinds.map(() => ({ windows: [], last: undefined, forgottenUntil: 0 }));
    const series = { name, origin, columns, slots, windows: 0, keepUntil: 0, forgotten: false, changed: false };
    this.#series.set(name, series);
    return series;
  }

  /** @param saved what it had collected before */
  createWindow(series: Series, span: Span, saved?: readonly unknown[]): Window {
    const window = new Window(series, span, this.collected.create(saved));
    const slot = series.slots[span.size]!;
    const { windows } = slot;
    // Most begin after all others.
    const latest = windows.length === 0 || windows[windows.length - 1]!.start < span.start;
    slot.windows = latest ? [...windows, window] : windows.toSpliced(placeOf(slot, span.start), 0, window);
    series.windows++;
    this.#windows++;
    return window;
  }

  /** Where a window lies in time. @param sessionEnd of a session: its last record and the gap */
  span(size: number, start: number, keepUntil: number, sessionEnd?: number): Span {
    const { ms, advanceMs, session } = this.#kinds[size]!;
    const end = sessionEnd ?? start + ms;
    if (session) return { size, start, end, closesAt: end + 1, keepUntil };
    const place = size * SPANS + ((start / advanceMs) % SPANS);
    const known = this.#spans[place];
    if (known !== undefined && known.start === start && known.keepUntil === keepUntil) return known;
    const span = { size, start, end, closesAt: end, keepUntil };
    this.#spans[place] = span;
    return span;
  }

  /** Many windows share one. */
  due(watermark: Due['watermark'], at: number): Due {
    if (this.#lastDue.watermark !== watermark || this.#lastDue.at !== at) this.#lastDue = { watermark, at };
    return this.#lastDue;
  }

  /** A window's time is over, and that of all its series could still put into it. */
  forgetWindow(window: Window): void {
    this.dropWindow(window);
    const slot = window.series.slots[window.size]!;
    if (window.closesAt > slot.forgottenUntil) slot.forgottenUntil = window.closesAt;
    this.changedSeries(window.series);
  }

  /** A session has become part of another. */
  dropWindow(window: Window): void {
    this.drop(window);
    this.changed(window);
  }

  /** Removes a window, without a change to save. */
  drop(window: Window): void {
    const { series } = window;
    const slot = series.slots[window.size]!;
    slot.windows = slot.windows.toSpliced(placeOf(slot, window.start), 1);
    if (slot.last === window) slot.last = undefined;
    series.windows--;
    this.#windows--;
    window.forgotten = true;
    this.collected.free(window.row);
  }

  /** Removes a series, without a change to save. */
  remove(name: string): void {
    for (const { windows } of this.#series.get(name)?.slots ?? []) for (const window of windows) this.drop(window);
    this.#series.delete(name);
  }

  forgetSeries(series: Series): void {
    this.#series.delete(series.name);
    series.forgotten = true;
    this.changedSeries(series);
  }

  changed(window: Window): void {
    if (window.changed) return;
    window.changed = true;
    this.#changedWindows.push(window);
  }

  changedSeries(series: Series): void {
    if (series.changed) return;
    series.changed = true;
    this.#changedSeries.push(series);
  }

  /** What changed since the last call. Of what was forgotten and began anew the earlier is not among it. */
  takeChanged(): { series: Series[]; windows: Window[] } {
    const series = this.#changedSeries.filter((one) => !one.forgotten || !this.#series.has(one.name));
    const windows = this.#changedWindows;
    for (const one of this.#changedSeries) one.changed = false;
    for (const one of windows) one.changed = false;
    this.#changedSeries = [];
    this.#changedWindows = [];
    return { series, windows };
  }
}
