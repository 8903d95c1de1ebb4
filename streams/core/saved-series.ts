import type { Origin } from './event-time.ts';
import type { Series, SeriesStore } from './series.ts';
import type { StateChange } from './task.ts';
import type { Merged, Window, WindowTable } from './window.ts';

/**
 * How series and windows are saved: those next to each other whose times are the same have one entry, which takes a third of the room and time of an
 * entry for each.
 *
 * - `S`: a head, then the name and the columns of each series; 0 where its name is the only column.
 * - `W`: a head, then the series' name, the revision and what was collected of each window.
 * - `-S`: names of series that are no more. `-W`: size and start, then the series' names of windows that are no more.
 * - `B`: entries of these kinds, of a snapshot: it may be cut between two `B`, while the state goes on changing.
 *
 * Until version 0.1 each had an entry of its own, which is still read: `s/<series>` and `w/<size>/<start>/<series>`.
 */
type SeriesHead = readonly [origin: string, keepUntil: number, forgottenUntil: readonly number[]];
type WindowHead = readonly [
  size: number,
  start: number,
  keepUntil: number,
  due: readonly ['live' | 'complete', number] | null,
  // Of a session.
  end?: number,
  merged?: readonly Merged[],
];
type OldSeries = readonly [origin: string, columns: unknown[], forgottenUntil: number[], keepUntil: number];
type OldWindow = readonly [
  revision: number,
  keepUntil: number,
  due: WindowHead[3],
  collected: unknown[],
  end?: number,
  merged?: readonly Merged[],
];
type OriginOf = (name: string) => Origin;

/** The letters that keys of such entries begin with. */
export const SAVED_LETTERS = 'SWB-sw';
/** Series and windows of one entry, or of a `B`. */
const MOST = 250;

/** What of a store changed since the last call; to be gone through at once. */
export function* saveChanges(store: SeriesStore): Iterable<StateChange> {
  const { series, windows, saved } = store.takeChanged();
  yield* saveSeries(series, store);
  yield* saveWindows(windows, store);
  saved();
}

/** All of it; what a `B` shows is as it is when it is asked for. */
export function* saveAll(store: SeriesStore): Iterable<StateChange> {
  let series: Series[] = [];
  let windows: Window[] = [];
  for (const one of store.all()) {
    series.push(one);
    windows.push(...store.allWindowsOf(one));
    if (series.length + windows.length < MOST) continue;
    yield saveBatch(series, windows, store);
    series = [];
    windows = [];
  }
  if (series.length > 0) yield saveBatch(series, windows, store);
}

function saveBatch(series: readonly Series[], windows: Window[], store: SeriesStore): StateChange {
  const entries = [...saveSeries(series, store), ...saveWindows(windows, store)];
  return { key: 'B', value: entries.map(({ key, value }) => [key, value]) };
}

function* saveSeries(all: Iterable<Series>, store: SeriesStore): Iterable<StateChange> {
  let key = '';
  let like: Series | undefined;
  let value: unknown[] = [];
  for (const one of all) {
    const forgotten = store.isForgotten(one);
    if (like === undefined || value.length > 2 * MOST || !areAlike(one, like, store)) {
      if (like !== undefined) yield { key, value };
      like = one;
      key = forgotten ? '-S' : 'S';
      value = forgotten ? [] : [headOfSeries(one, store)];
    }
    value.push(store.nameOf(one));
    if (!forgotten) value.push(store.columnsOf(one) ?? 0);
  }
  if (like !== undefined) yield { key, value };
}

function areAlike(a: Series, b: Series, store: SeriesStore): boolean {
  if (store.isForgotten(a) || store.isForgotten(b)) return store.isForgotten(a) && store.isForgotten(b);
  if (store.originOf(a) !== store.originOf(b) || store.keepUntil(a) !== store.keepUntil(b)) return false;
  for (let size = 0; size < store.sizes; size++)
    if (store.forgottenUntil(a, size) !== store.forgottenUntil(b, size)) return false;
  return true;
}

function headOfSeries(series: Series, store: SeriesStore): SeriesHead {
  const forgottenUntil = Array.from({ length: store.sizes }, (_, size) => store.forgottenUntil(series, size));
  return [store.originOf(series).name, store.keepUntil(series), forgottenUntil];
}

/** Puts `all` in order, too: those of the same time come together. */
function* saveWindows(all: Window[], store: SeriesStore): Iterable<StateChange> {
  const { windows, collected } = store;
  let key = '';
  let like: Window | undefined;
  let value: unknown[] = [];
  all.sort((a, b) => windows.size(a) - windows.size(b) || windows.start(a) - windows.start(b));
  for (const one of all) {
    const forgotten = windows.isForgotten(one);
    if (like === undefined || value.length > 3 * MOST || !haveSameTimes(one, like, windows)) {
      if (like !== undefined) yield { key, value };
      like = one;
      key = forgotten ? '-W' : 'W';
      value = forgotten ? [windows.size(one), windows.start(one)] : [headOfWindow(one, windows)];
    }
    value.push(store.nameOf(windows.series(one)));
    if (forgotten) continue;
    const saved = collected.save(one);
    if (windows.due(one) === null) collected.rest(one, saved);
    value.push(windows.revision(one), saved);
  }
  if (like !== undefined) yield { key, value };
}

function haveSameTimes(a: Window, b: Window, windows: WindowTable): boolean {
  if (windows.isForgotten(a) !== windows.isForgotten(b)) return false;
  if (windows.size(a) !== windows.size(b) || windows.start(a) !== windows.start(b)) return false;
  if (windows.isForgotten(a)) return true;
  if (windows.isSession(a) || windows.keepUntil(a) !== windows.keepUntil(b)) return false;
  return windows.due(a) === windows.due(b) && windows.dueAt(a) === windows.dueAt(b);
}

function headOfWindow(window: Window, windows: WindowTable): WindowHead {
  const due = windows.due(window);
  const saved = due && ([due, windows.dueAt(window)] as const);
  const head = [windows.size(window), windows.start(window), windows.keepUntil(window), saved] as const;
  return windows.isSession(window) ? [...head, windows.end(window), windows.merged(window)] : head;
}

/** Takes up an entry, over what was taken up before. */
export function restoreSaved({ key, value }: StateChange, store: SeriesStore, originOf: OriginOf): void {
  switch (key) {
    case 'B':
      for (const [kind, entry] of value as [string, unknown][])
        restoreSaved({ key: kind, value: entry }, store, originOf);
      return;
    case 'S': {
      const [head, ...rest] = value as [SeriesHead, ...unknown[]];
      const origin = originOf(head[0]);
      for (let i = 0; i < rest.length; i += 2)
        restoreSeries(store, rest[i] as string, origin, (rest[i + 1] || undefined) as unknown[] | undefined, head);
      return;
    }
    case 'W': {
      const [head, ...rest] = value as [WindowHead, ...unknown[]];
      for (let i = 0; i < rest.length; i += 3)
        restoreWindow(store, rest[i] as string, head, rest[i + 1] as number, rest[i + 2] as unknown[]);
      return;
    }
    case '-S':
      for (const name of value as string[]) store.remove(name);
      return;
    case '-W': {
      const [size, start, ...names] = value as [number, number, ...string[]];
      for (const name of names) removeWindow(store, name, size, start);
      return;
    }
    default:
      restoreOld({ key, value }, store, originOf);
  }
}

function restoreOld({ key, value }: StateChange, store: SeriesStore, originOf: OriginOf): void {
  if (key.startsWith('s/')) restoreOldSeries(key.slice(2), value, store, originOf);
  else restoreOldWindow(key, value, store);
}

function restoreOldSeries(name: string, value: unknown, store: SeriesStore, originOf: OriginOf): void {
  if (value === undefined) {
    store.remove(name);
    return;
  }
  const [origin, columns, forgottenUntil, keepUntil] = value as OldSeries;
  const own = columns.length === 1 && columns[0] === name ? undefined : columns;
  restoreSeries(store, name, originOf(origin), own, [origin, keepUntil, forgottenUntil]);
}

function restoreOldWindow(key: string, value: unknown, store: SeriesStore): void {
  const start = key.indexOf('/', 2) + 1;
  const end = key.indexOf('/', start);
  const place = [Number(key.slice(2, start - 1)), Number(key.slice(start, end))] as const;
  const name = key.slice(end + 1);
  if (value === undefined) {
    removeWindow(store, name, ...place);
    return;
  }
  const [revision, keepUntil, due, collected, ...ofSession] = value as OldWindow;
  restoreWindow(store, name, [...place, keepUntil, due, ...ofSession] as WindowHead, revision, collected);
}

function restoreSeries(
  store: SeriesStore,
  name: string,
  origin: Origin,
  columns: readonly unknown[] | undefined,
  [, keepUntil, forgottenUntil]: SeriesHead,
): void {
  const series = store.get(name) ?? store.create(name, origin, columns);
  store.setKeepUntil(series, keepUntil);
  for (let i = 0; i < forgottenUntil.length; i++) store.setForgottenUntil(series, i, forgottenUntil[i]!);
}

function restoreWindow(
  store: SeriesStore,
  name: string,
  [size, start, keepUntil, due, end, merged]: WindowHead,
  revision: number,
  collected: readonly unknown[],
): void {
  const series = store.get(name);
  // Its series is in a later part of the snapshot that the log begins with, and shows what became of the window until then.
  if (series === undefined) return;
  const { windows } = store;
  const known = store.windowAt(series, size, start);
  if (known >= 0) store.drop(known);
  const window = store.createWindow(series, size, start, keepUntil, end, collected);
  windows.setRevision(window, revision);
  if (due !== null) windows.setDue(window, due[0], due[1]);
  if (merged !== undefined) windows.setMerged(window, merged);
}

function removeWindow(store: SeriesStore, name: string, size: number, start: number): void {
  const series = store.get(name);
  const window = series === undefined ? -1 : store.windowAt(series, size, start);
  if (window >= 0) store.drop(window);
}
