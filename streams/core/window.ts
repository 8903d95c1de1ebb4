import type { Series } from './series.ts';

/** When a window that changed is to be put out: as soon as that watermark of its origin reaches `at`. Many windows share one. */
export interface Due {
  readonly watermark: 'live' | 'complete';
  readonly at: number;
}

/** A session that has become part of another: what it was put out as, and the revision with which it is to be withdrawn. */
export type Merged = readonly [start: number, end: number, revision: number];

const NONE: readonly Merged[] = [];

/** Where a window lies in time. Windows of many series lie at the same and share it: V8 keeps each time as an object of its own. */
export interface Span {
  /** Index of its size. */
  readonly size: number;
  readonly start: number;
  /** Of a session, the time of its last record and the gap. */
  readonly end: number;
  /** The watermark at which its time is over: its end, or just past it for a session, to which a record at its end still belongs. */
  readonly closesAt: number;
  /** It is forgotten when `complete` reaches this. */
  readonly keepUntil: number;
}

export class Window {
  readonly series: Series;
  /** Shared: replaced, not changed, where a session grows. */
  span: Span;
  /** What it collected is in this row; see `Collected`. */
  readonly row: number;
  /** Of the next result. */
  revision = 0;
  /** Null while nothing came since it was last put out. */
  due: Due | null = null;
  /** Sessions put out before they became part of this one, to be withdrawn with its next result. */
  merged: readonly Merged[] = NONE;
  forgotten = false;
  changed = false;

  constructor(series: Series, span: Span, row: number) {
    this.series = series;
    this.span = span;
    this.row = row;
  }

  get size(): number {
    return this.span.size;
  }

  get start(): number {
    return this.span.start;
  }

  get end(): number {
    return this.span.end;
  }

  get closesAt(): number {
    return this.span.closesAt;
  }

  get keepUntil(): number {
    return this.span.keepUntil;
  }
}
