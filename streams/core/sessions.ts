import type { Series, SeriesStore, Slot } from './series.ts';
import type { Merged, Window } from './window.ts';

/**
 * Sessions hold records of a series of which each is at most the gap from the next. A record that lies between two makes one of them: the sessions
 * after the first become part of it, and those of them that were put out are withdrawn with its next result.
 */

/** The sessions that a record of that time belongs to, the earliest first. */
export function touching(slot: Slot, ts: number, gapMs: number): Window[] {
  // A session's end is its last record and the gap.
  return slot.windows.filter((session) => ts >= session.start - gapMs && ts <= session.end);
}

/** Whether a record lies between the first and the last of a session, which then stays as long as it was. */
export function isInside(session: Window, ts: number, gapMs: number): boolean {
  return ts >= session.start && ts <= session.end - gapMs;
}

/** The session that begins where those `near` and the record begin: one of them, or a new one. */
export function openSession(
  store: SeriesStore,
  series: Series,
  size: number,
  ts: number,
  near: readonly Window[],
  keepMs: number,
): Window {
  const [earliest] = near;
  if (earliest !== undefined && earliest.start <= ts) return earliest;
  return store.createWindow(series, store.span(size, ts, series.origin.complete + keepMs));
}

/** Makes the others `near` part of a session, which reaches at least to `end`. */
export function growSession(
  store: SeriesStore,
  session: Window,
  near: readonly Window[],
  end: number,
  keepMs: number,
): void {
  let last = Math.max(session.end, end);
  let keepUntil = session.keepUntil;
  for (const other of near) {
    if (other === session) continue;
    store.collected.merge(session.row, other.row);
    last = Math.max(last, other.end);
    keepUntil = Math.max(keepUntil, other.keepUntil);
    const putOut: Merged[] = other.revision > 0 ? [[other.start, other.end, other.revision]] : [];
    if (putOut.length + other.merged.length > 0) session.merged = [...session.merged, ...other.merged, ...putOut];
    store.dropWindow(other);
  }
  const closesAt = last + 1;
  session.span = { ...session.span, end: last, closesAt, keepUntil: Math.max(keepUntil, closesAt + keepMs) };
}
