import type { Aggregation } from './accumulators.ts';
import type { Origin } from './event-time.ts';
import type { StateChange } from './task.ts';
import { collected, type Merged, type Span, Window } from './window.ts';

export interface Series {
  readonly name: string;
  readonly origin: Origin;
  readonly columns: readonly unknown[];
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

type SavedSeries = [origin: string, columns: unknown[], forgottenUntil: number[], keepUntil: number];
type SavedWindow = [
  revision: number,
  keepUntil: number,
  due: ['live' | 'complete', number] | null,
  state: unknown[],
  // Of a session.
  end?: number,
  merged?: readonly Merged[],
];

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

/** The state of a step's windows, and what of it changed. */
export class SeriesStore {
  readonly #kinds: readonly Kind[];
  readonly #aggregation: Aggregation;
  readonly #series = new Map<string, Series>();
  /** Those last given to windows, SPANS of each size, by when they begin. */
  readonly #spans: (Span | undefined)[];
  #changedSeries: Series[] = [];
  #changedWindows: Window[] = [];
  #windows = 0;

  constructor(kinds: readonly Kind[], aggregation: Aggregation) {
    this.#kinds = kinds;
    this.#spans = Array.from({ length: kinds.length * SPANS }, () => undefined);
    this.#aggregation = aggregation;
  }

  /** Series and their windows. */
  get size(): number {
    return this.#series.size + this.#windows;
  }

  get(name: string): Series | undefined {
    return this.#series.get(name);
  }

  create(name: string, origin: Origin, columns: readonly unknown[]): Series {
    const slots = this.#kinds.map(() => ({ windows: [], last: undefined, forgottenUntil: 0 }));
    const series = { name, origin, columns, slots, windows: 0, keepUntil: 0, forgotten: false, changed: false };
    this.#series.set(name, series);
    return series;
  }

  createWindow(series: Series, size: number, start: number, keepUntil: number, saved?: SavedWindow): Window {
    const window = new Window(series, this.#span(size, start, keepUntil, saved?.[4]), this.#stateOf(saved));
    if (saved !== undefined) {
      const [revision, , due, , , merged] = saved;
      window.revision = revision;
      if (due !== null) window.due = { watermark: due[0], at: due[1] };
      if (merged !== undefined) window.merged = merged;
    }
    const slot = series.slots[size]!;
    slot.windows = slot.windows.toSpliced(placeOf(slot, start), 0, window);
    series.windows++;
    this.#windows++;
    return window;
  }

  #span(size: number, start: number, keepUntil: number, sessionEnd: number | undefined): Span {
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

  #stateOf(saved: SavedWindow | undefined): Window['state'] {
    if (saved === undefined) return this.#aggregation.start();
    return saved[2] === null ? JSON.stringify(saved[3]) : this.#aggregation.load(saved[3]);
  }

  /** A window's time is over, and that of all its series could still put into it. */
  forgetWindow(window: Window): void {
    this.dropWindow(window);
    const slot = window.series.slots[window.size]!;
    if (window.closesAt > slot.forgottenUntil) slot.forgottenUntil = window.closesAt;
    this.changedSeries(window.series);
  }

  /** Adds what one window collected to another. */
  merge(window: Window, other: Window): void {
    const parts = collected(other, this.#aggregation);
    for (const [i, accumulator] of collected(window, this.#aggregation).entries()) accumulator.merge(parts[i]!);
  }

  /** A session has become part of another. */
  dropWindow(window: Window): void {
    const { series } = window;
    const slot = series.slots[window.size]!;
    slot.windows = slot.windows.toSpliced(placeOf(slot, window.start), 1);
    if (slot.last === window) slot.last = undefined;
    series.windows--;
    this.#windows--;
    window.forgotten = true;
    this.changed(window);
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

  *takeChanges(): Iterable<StateChange> {
    const [series, windows] = [this.#changedSeries, this.#changedWindows];
    this.#changedSeries = [];
    this.#changedWindows = [];
    for (const one of series) {
      one.changed = false;
      // One that was forgotten and began anew has its own entry under the same key.
      if (!one.forgotten) yield saveSeries(one);
      else if (!this.#series.has(one.name)) yield { key: `s/${one.name}`, value: undefined };
    }
    for (const one of windows) {
      one.changed = false;
      yield saveWindow(one);
    }
  }

  *snapshot(): Iterable<StateChange> {
    for (const series of this.#series.values()) {
      yield saveSeries(series);
      for (const slot of series.slots) for (const window of slot.windows) yield saveWindow(window);
    }
  }

  /** Takes the entries of `snapshot`. @returns all series and windows */
  load(
    series: readonly StateChange[],
    windows: readonly StateChange[],
    origin: (name: string) => Origin,
  ): { series: Series[]; windows: Window[] } {
    for (const { key, value } of series) {
      const [originName, columns, forgottenUntil, keepUntil] = value as SavedSeries;
      const one = this.create(key.slice(2), origin(originName), columns);
      one.keepUntil = keepUntil;
      for (const [i, until] of forgottenUntil.entries()) one.slots[i]!.forgottenUntil = until;
    }
    const loaded = windows.map(({ key, value }) => {
      const start = key.indexOf('/', 2) + 1;
      const name = key.indexOf('/', start) + 1;
      const saved = value as SavedWindow;
      const of = this.#series.get(key.slice(name))!;
      return this.createWindow(
        of,
        Number(key.slice(2, start - 1)),
        Number(key.slice(start, name - 1)),
        saved[1],
        saved,
      );
    });
    return { series: [...this.#series.values()], windows: loaded };
  }
}

/** Whether an entry is a series'; the others are windows'. */
export function isSeries({ key }: StateChange): boolean {
  return key.startsWith('s/');
}

function saveSeries({ name, origin, columns, slots, keepUntil }: Series): StateChange {
  return { key: `s/${name}`, value: [origin.name, columns, slots.map((slot) => slot.forgottenUntil), keepUntil] };
}

function saveWindow(window: Window): StateChange {
  const { series, size, start, end, closesAt, revision, keepUntil, due, merged, forgotten } = window;
  const key = `w/${size}/${start}/${series.name}`;
  if (forgotten) return { key, value: undefined };
  const state = savedState(window);
  const value: SavedWindow = [revision, keepUntil, due && [due.watermark, due.at], state];
  if (closesAt !== end) value.push(end, merged);
  return { key, value };
}

/** What a window collected, as it is saved. One that waits for nothing keeps it so. */
function savedState(window: Window): unknown[] {
  if (typeof window.state === 'string') return JSON.parse(window.state);
  const saved = window.state.map((accumulator) => accumulator.save());
  if (window.due === null) window.state = JSON.stringify(saved);
  return saved;
}
