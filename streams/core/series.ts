import type { Accumulator, Aggregation } from './accumulators.ts';
import type { Origin } from './event-time.ts';
import type { StateChange } from './task.ts';

/** When a window that changed is to be put out: as soon as that watermark of its origin reaches `due`. */
export interface Due {
  readonly watermark: 'live' | 'complete';
  readonly at: number;
}

export interface Window {
  readonly series: Series;
  /** Index of its size. */
  readonly size: number;
  readonly start: number;
  readonly end: number;
  readonly accumulators: readonly Accumulator[];
  /** Of the next result. */
  revision: number;
  /** Null while nothing came since it was last put out. */
  due: Due | null;
  /** It is forgotten when `complete` reaches this. */
  readonly keepUntil: number;
  forgotten: boolean;
  changed: boolean;
}

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

interface Slot {
  readonly windows: Map<number, Window>;
  /** The window last asked for: most records fall into the same one as the record before. */
  last: Window | undefined;
  /** End of the latest window forgotten. */
  forgottenUntil: number;
}

type SavedSeries = [origin: string, columns: unknown[], forgottenUntil: number[], keepUntil: number];
type SavedWindow = [revision: number, keepUntil: number, due: ['live' | 'complete', number] | null, state: unknown[]];

/** The state of a step's windows, and what of it changed. */
export class SeriesStore {
  readonly #sizes: readonly number[];
  readonly #aggregation: Aggregation;
  readonly #series = new Map<string, Series>();
  #changedSeries: Series[] = [];
  #changedWindows: Window[] = [];

  constructor(sizes: readonly number[], aggregation: Aggregation) {
    this.#sizes = sizes;
    this.#aggregation = aggregation;
  }

  get(name: string): Series | undefined {
    return this.#series.get(name);
  }

  create(name: string, origin: Origin, columns: readonly unknown[]): Series {
    const slots = this.#sizes.map(() => ({ windows: new Map<number, Window>(), last: undefined, forgottenUntil: 0 }));
    const series = { name, origin, columns, slots, windows: 0, keepUntil: 0, forgotten: false, changed: false };
    this.#series.set(name, series);
    return series;
  }

  createWindow(series: Series, size: number, start: number, keepUntil: number, saved?: SavedWindow): Window {
    const window: Window = {
      series,
      size,
      start,
      end: start + this.#sizes[size]!,
      accumulators: saved ? this.#aggregation.load(saved[3]) : this.#aggregation.start(),
      revision: saved?.[0] ?? 0,
      due: saved?.[2] ? { watermark: saved[2][0], at: saved[2][1] } : null,
      keepUntil,
      forgotten: false,
      changed: false,
    };
    series.slots[size]!.windows.set(start, window);
    series.windows++;
    return window;
  }

  forgetWindow(window: Window): void {
    const { series, end } = window;
    const slot = series.slots[window.size]!;
    slot.windows.delete(window.start);
    if (slot.last === window) slot.last = undefined;
    if (end > slot.forgottenUntil) slot.forgottenUntil = end;
    series.windows--;
    window.forgotten = true;
    this.changed(window);
    this.changedSeries(series);
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
      for (const slot of series.slots) for (const window of slot.windows.values()) yield saveWindow(window);
    }
  }

  /** Takes entries in any order. @returns all series and windows */
  load(
    entries: ReadonlyMap<string, unknown>,
    origin: (name: string) => Origin,
  ): { series: Series[]; windows: Window[] } {
    const windows: Window[] = [];
    for (const [key, value] of entries) {
      if (!key.startsWith('s/')) continue;
      const [originName, columns, forgottenUntil, keepUntil] = value as SavedSeries;
      const series = this.create(key.slice(2), origin(originName), columns);
      series.keepUntil = keepUntil;
      for (const [i, until] of forgottenUntil.entries()) series.slots[i]!.forgottenUntil = until;
    }
    for (const [key, value] of entries) {
      if (!key.startsWith('w/')) continue;
      const [, size, start] = key.split('/', 3);
      const series = this.#series.get(key.slice(4 + size!.length + start!.length))!;
      const saved = value as SavedWindow;
      windows.push(this.createWindow(series, Number(size), Number(start), saved[1], saved));
    }
    return { series: [...this.#series.values()], windows };
  }
}

function saveSeries({ name, origin, columns, slots, keepUntil }: Series): StateChange {
  return { key: `s/${name}`, value: [origin.name, columns, slots.map((slot) => slot.forgottenUntil), keepUntil] };
}

function saveWindow(window: Window): StateChange {
  const { series, size, start, revision, keepUntil, due, accumulators, forgotten } = window;
  const key = `w/${size}/${start}/${series.name}`;
  if (forgotten) return { key, value: undefined };
  return { key, value: [revision, keepUntil, due && [due.watermark, due.at], accumulators.map((a) => a.save())] };
}
