import type { Aggregation } from './aggregation.ts';
import { Collected } from './collected.ts';
import type { Origin } from './event-time.ts';
import { Table } from './table.ts';
import { type Kind, type Window, WindowTable } from './window.ts';

/** A series, as the number of its row. It is good until it has been saved that the series is forgotten; what may last longer keeps a `ticket`. */
export type Series = number;

const KEEP_UNTIL = 0;
/** Of its first size; those of the others follow. */
const FORGOTTEN_UNTIL = 1;

const WINDOWS = 0;
const FLAGS = 1;

const CHANGED = 1;
const FORGOTTEN = 2;

const NO_WINDOWS: readonly Window[] = [];

/** The state of a step's windows, and what of it changed; see `saved-series.ts` for how it is saved. */
export class SeriesStore {
  readonly collected: Collected;
  readonly windows: WindowTable;
  readonly #kinds: readonly Kind[];
  readonly #byName = new Map<string, Series>();
  readonly #table: Table;
  readonly #names: string[] = [];
  readonly #origins: Origin[] = [];
  readonly #columns: (readonly unknown[] | undefined)[] = [];
  /** Windows of each series and size in the order of their starts. Replaced, not changed. */
  readonly #lists: (readonly Window[])[] = [];
  #changedSeries: Series[] = [];
  #changedWindows: Window[] = [];
  #windows = 0;

  constructor(kinds: readonly Kind[], aggregation: Aggregation) {
    this.collected = new Collected(aggregation);
    this.windows = new WindowTable(kinds);
    this.#kinds = kinds;
    this.#table = new Table(1 + kinds.length, 2);
  }

  /** Series and their windows. */
  get size(): number {
    return this.#byName.size + this.#windows;
  }

  /** How many sizes the windows of each series have. */
  get sizes(): number {
    return this.#kinds.length;
  }

  get(name: string): Series | undefined {
    return this.#byName.get(name);
  }

  all(): Iterable<Series> {
    return this.#byName.values();
  }

  create(name: string, origin: Origin, columns: readonly unknown[] | undefined): Series {
    const series = this.#table.take();
    this.#names[series] = name;
    this.#origins[series] = origin;
    this.#columns[series] = columns;
    for (let size = 0; size < this.#kinds.length; size++) this.#lists[this.#place(series, size)] = NO_WINDOWS;
    this.#byName.set(name, series);
    return series;
  }

  /** See `Table`. */
  ticket(series: Series): number {
    return this.#table.ticket(series);
  }

  seriesOf(ticket: number): Series {
    return this.#table.rowOf(ticket);
  }

  nameOf(series: Series): string {
    return this.#names[series]!;
  }

  originOf(series: Series): Origin {
    return this.#origins[series]!;
  }

  /** Undefined where its name is the only one. */
  columnsOf(series: Series): readonly unknown[] | undefined {
    return this.#columns[series];
  }

  /** While it has no windows: it is forgotten when `complete` reaches this. */
  keepUntil(series: Series): number {
    return this.#table.float(series, KEEP_UNTIL);
  }

  setKeepUntil(series: Series, at: number): void {
    this.#table.setFloat(series, KEEP_UNTIL, at);
  }

  /** End of the latest window of a size that was forgotten. */
  forgottenUntil(series: Series, size: number): number {
    return this.#table.float(series, FORGOTTEN_UNTIL + size);
  }

  setForgottenUntil(series: Series, size: number, at: number): void {
    this.#table.setFloat(series, FORGOTTEN_UNTIL + size, at);
  }

  hasWindows(series: Series): boolean {
    return this.#table.int(series, WINDOWS) > 0;
  }

  isForgotten(series: Series): boolean {
    return (this.#table.int(series, FLAGS) & FORGOTTEN) !== 0;
  }

  /** In the order of their starts. */
  windowsOf(series: Series, size: number): readonly Window[] {
    return this.#lists[this.#place(series, size)]!;
  }

  /** All of them. */
  *allWindowsOf(series: Series): Iterable<Window> {
    for (let size = 0; size < this.#kinds.length; size++) yield* this.windowsOf(series, size);
  }

  /** @returns -1 where there is none */
  windowAt(series: Series, size: number, start: number): Window {
    const list = this.#lists[this.#place(series, size)]!;
    const { length } = list;
    if (length === 0) return -1;
    // Most records fall into the latest.
    const latest = list[length - 1]!;
    if (this.windows.start(latest) === start) return latest;
    const at = this.placeOf(list, start);
    return at < length && this.windows.start(list[at]!) === start ? list[at]! : -1;
  }

  /** The place of the first window that does not begin before `start`. */
  placeOf(list: readonly Window[], start: number): number {
    let low = 0;
    let high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.windows.start(list[middle]!) < start) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** @param end of a session: its last record and the gap @param saved what it had collected before */
  createWindow(
    series: Series,
    size: number,
    start: number,
    keepUntil: number,
    end = start + this.#kinds[size]!.ms,
    saved?: readonly unknown[],
  ): Window {
    const window = this.windows.take(series, size, start, end, keepUntil);
    this.collected.create(window, saved);
    const place = this.#place(series, size);
    const list = this.#lists[place]!;
    // Most begin after all others. Neither `push` nor a spread: both take room for sixteen more.
    const { length } = list;
    const isLatest = length === 0 || this.windows.start(list[length - 1]!) < start;
    this.#lists[place] = list.toSpliced(isLatest ? length : this.placeOf(list, start), 0, window);
    this.#count(series, 1);
    return window;
  }

  /** A window's time is over, and that of all its series could still put into it. */
  forgetWindow(window: Window): void {
    this.dropWindow(window);
    const [series, size] = [this.windows.series(window), this.windows.size(window)];
    const closesAt = this.windows.closesAt(window);
    if (closesAt > this.forgottenUntil(series, size)) this.setForgottenUntil(series, size, closesAt);
    this.changedSeries(series);
  }

  /** A session has become part of another. */
  dropWindow(window: Window): void {
    this.changed(window);
    this.drop(window);
  }

  /** Removes a window, without a change to save. */
  drop(window: Window): void {
    const series = this.windows.series(window);
    const place = this.#place(series, this.windows.size(window));
    const list = this.#lists[place]!;
    const rest = list.toSpliced(this.placeOf(list, this.windows.start(window)), 1);
    this.#lists[place] = rest.length === 0 ? NO_WINDOWS : rest;
    this.#count(series, -1);
    this.windows.setForgotten(window);
    this.collected.free(window);
    if (!this.windows.isChanged(window)) this.windows.free(window);
  }

  /** Removes a series, without a change to save. */
  remove(name: string): void {
    const series = this.get(name);
    if (series === undefined) return;
    for (const window of [...this.allWindowsOf(series)]) this.drop(window);
    this.#byName.delete(name);
    this.#setFlag(series, FORGOTTEN, true);
    if (!this.#hasFlag(series, CHANGED)) this.#free(series);
  }

  forgetSeries(series: Series): void {
    this.changedSeries(series);
    this.remove(this.nameOf(series));
  }

  changed(window: Window): void {
    if (this.windows.isChanged(window)) return;
    this.windows.setChanged(window, true);
    this.#changedWindows.push(window);
  }

  changedSeries(series: Series): void {
    if (this.#hasFlag(series, CHANGED)) return;
    this.#setFlag(series, CHANGED, true);
    this.#changedSeries.push(series);
  }

  /**
   * What changed since the last call. Of what was forgotten and began anew the earlier is not among it. To be given back to `saved` before anything else
   * changes.
   */
  takeChanged(): { readonly series: readonly Series[]; readonly windows: Window[]; readonly saved: () => void } {
    const [all, windows] = [this.#changedSeries, this.#changedWindows];
    this.#changedSeries = [];
    this.#changedWindows = [];
    const series = all.filter((one) => !this.isForgotten(one) || !this.#byName.has(this.nameOf(one)));
    const saved = () => {
      for (const one of windows) {
        if (this.windows.isForgotten(one)) this.windows.free(one);
        else this.windows.setChanged(one, false);
      }
      for (const one of all) {
        if (this.isForgotten(one)) this.#free(one);
        else this.#setFlag(one, CHANGED, false);
      }
    };
    return { series, windows, saved };
  }

  #free(series: Series): void {
    this.#names[series] = '';
    this.#columns[series] = undefined;
    this.#table.free(series);
  }

  #place(series: Series, size: number): number {
    return series * this.#kinds.length + size;
  }

  #count(series: Series, more: number): void {
    this.#table.setInt(series, WINDOWS, this.#table.int(series, WINDOWS) + more);
    this.#windows += more;
  }

  #hasFlag(series: Series, flag: number): boolean {
    return (this.#table.int(series, FLAGS) & flag) !== 0;
  }

  #setFlag(series: Series, flag: number, on: boolean): void {
    const flags = this.#table.int(series, FLAGS);
    this.#table.setInt(series, FLAGS, on ? flags | flag : flags & ~flag);
  }
}
