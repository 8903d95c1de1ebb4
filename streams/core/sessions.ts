import type { Series, SeriesStore } from './series.ts';
import type { Merged, Window } from './window.ts';

/**
 * Sessions hold records of a series of which each is at most the gap from the next. A record that lies between two makes one of them: the sessions
 * after the first become part of it, and those of them that were put out are withdrawn with its next result.
 */

/** The sessions that a record of that time belongs to, the earliest first. */
export function touching(store: SeriesStore, series: Series, size: number, ts: number, gapMs: number): Window[] {
  const { windows } = store;
  const all = store.windowsOf(series, size);
  const end = store.placeOf(all, ts + gapMs + 1);
  let from = end;
  // A session's end is its last record and the gap; they end in the order in which they begin.
  while (from > 0 && windows.end(all[from - 1]!) >= ts) from--;
  return all.slice(from, end);
}

/** Whether a record lies between the first and the last of a session, which then stays as long as it was. */
export function isInside({ windows }: SeriesStore, session: Window, ts: number, gapMs: number): boolean {
  return ts >= windows.start(session) && ts <= windows.end(session) - gapMs;
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
  if (earliest !== undefined && store.windows.start(earliest) <= ts) return earliest;
  return store.createWindow(series, size, ts, store.originOf(series).complete + keepMs);
}

/** Makes the others `near` part of a session, which reaches at least to `end`. */
export function growSession(
  store: SeriesStore,
  session: Window,
  near: readonly Window[],
  end: number,
  keepMs: number,
): void {
  const { windows } = store;
  let last = Math.max(windows.end(session), end);
  let keepUntil = windows.keepUntil(session);
  let merged = windows.merged(session);
  for (const other of near) {
    if (other === session) continue;
    store.collected.merge(session, other);
    last = Math.max(last, windows.end(other));
    keepUntil = Math.max(keepUntil, windows.keepUntil(other));
    const revision = windows.revision(other);
    const putOut: Merged[] = revision > 0 ? [[windows.start(other), windows.end(other), revision]] : [];
    merged = [...merged, ...windows.merged(other), ...putOut];
    store.dropWindow(other);
  }
  windows.setMerged(session, merged);
  windows.grow(session, last, Math.max(keepUntil, last + 1 + keepMs));
}
