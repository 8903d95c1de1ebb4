import type { Series } from './series.ts';
import { Table } from './table.ts';

/** A window, as the number of its row. It is good until it has been saved that the window is forgotten; what may last longer keeps a `ticket`. */
export type Window = number;

export type Watermark = 'live' | 'complete';

/** A session that has become part of another: what it was put out as, and the revision with which it is to be withdrawn. */
export type Merged = readonly [start: number, end: number, revision: number];

/** How the windows of one size lie in time. */
export interface Kind {
  /** Length, or the gap of sessions. */
  readonly ms: number;
  /** From the start of one window to that of the next; 0 for sessions. */
  readonly advanceMs: number;
  readonly session: boolean;
}

const START = 0;
const END = 1;
const KEEP_UNTIL = 2;
const DUE_AT = 3;

const SERIES = 0;
const REVISION = 1;
const FLAGS = 2;

const LIVE = 1;
const COMPLETE = 2;
const DUE = LIVE | COMPLETE;
const CHANGED = 4;
const FORGOTTEN = 8;
/** Its size stands above the flags. */
const SIZE_FROM = 4;

const NONE: readonly Merged[] = [];

/** What is known of each window beside what it has collected. */
export class WindowTable {
  readonly #table = new Table(4, 3);
  readonly #kinds: readonly Kind[];
  readonly #merged = new Map<Window, readonly Merged[]>();

  constructor(kinds: readonly Kind[]) {
    this.#kinds = kinds;
  }

  take(series: Series, size: number, start: number, end: number, keepUntil: number): Window {
    const table = this.#table;
    const window = table.take();
    table.setInt(window, SERIES, series);
    table.setInt(window, FLAGS, size << SIZE_FROM);
    table.setFloat(window, START, start);
    table.setFloat(window, END, end);
    table.setFloat(window, KEEP_UNTIL, keepUntil);
    return window;
  }

  free(window: Window): void {
    this.#merged.delete(window);
    this.#table.free(window);
  }

  /** See `Table`. */
  ticket(window: Window): number {
    return this.#table.ticket(window);
  }

  windowOf(ticket: number): Window {
    return this.#table.rowOf(ticket);
  }

  series(window: Window): Series {
    return this.#table.int(window, SERIES);
  }

  /** Index of its size. */
  size(window: Window): number {
    return this.#table.int(window, FLAGS) >> SIZE_FROM;
  }

  isSession(window: Window): boolean {
    return this.#kinds[this.size(window)]!.session;
  }

  start(window: Window): number {
    return this.#table.float(window, START);
  }

  /** Of a session, the time of its last record and the gap. */
  end(window: Window): number {
    return this.#table.float(window, END);
  }

  /** The watermark at which its time is over: its end, or just past it for a session, to which a record at its end still belongs. */
  closesAt(window: Window): number {
    return this.isSession(window) ? this.end(window) + 1 : this.end(window);
  }

  /** It is forgotten when `complete` reaches this. */
  keepUntil(window: Window): number {
    return this.#table.float(window, KEEP_UNTIL);
  }

  /** A session has grown. */
  grow(window: Window, end: number, keepUntil: number): void {
    this.#table.setFloat(window, END, end);
    this.#table.setFloat(window, KEEP_UNTIL, keepUntil);
  }

  /** Of the next result. */
  revision(window: Window): number {
    return this.#table.int(window, REVISION);
  }

  setRevision(window: Window, revision: number): void {
    this.#table.setInt(window, REVISION, revision);
  }

  /**
   * When it is to be put out, as it changed: as soon as that watermark of its origin reaches `dueAt`. Null while nothing came since it was last put out.
   */
  due(window: Window): Watermark | null {
    const flags = this.#table.int(window, FLAGS);
    return (flags & DUE) === 0 ? null : (flags & LIVE) !== 0 ? 'live' : 'complete';
  }

  dueAt(window: Window): number {
    return this.#table.float(window, DUE_AT);
  }

  setDue(window: Window, watermark: Watermark | null, at = 0): void {
    const flags = this.#table.int(window, FLAGS) & ~DUE;
    this.#table.setInt(window, FLAGS, flags | (watermark === null ? 0 : watermark === 'live' ? LIVE : COMPLETE));
    this.#table.setFloat(window, DUE_AT, at);
  }

  /** Sessions put out before they became part of this one, to be withdrawn with its next result. */
  merged(window: Window): readonly Merged[] {
    return this.#merged.get(window) ?? NONE;
  }

  setMerged(window: Window, merged: readonly Merged[]): void {
    if (merged.length > 0) this.#merged.set(window, merged);
    else this.#merged.delete(window);
  }

  isForgotten(window: Window): boolean {
    return (this.#table.int(window, FLAGS) & FORGOTTEN) !== 0;
  }

  setForgotten(window: Window): void {
    this.#table.setInt(window, FLAGS, this.#table.int(window, FLAGS) | FORGOTTEN);
  }

  /** Whether it changed since it was last saved. */
  isChanged(window: Window): boolean {
    return (this.#table.int(window, FLAGS) & CHANGED) !== 0;
  }

  setChanged(window: Window, changed: boolean): void {
    const flags = this.#table.int(window, FLAGS);
    this.#table.setInt(window, FLAGS, changed ? flags | CHANGED : flags & ~CHANGED);
  }
}
