import type { Origin } from './event-time.ts';
import { type Series, type SeriesStore, windowAt } from './series.ts';
import type { StateChange } from './task.ts';
import type { Merged, Window } from './window.ts';

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
  const { series, windows } = store.takeChanged();
  yield* saveSeries(series);
  yield* saveWindows(windows.sort(byPlace), store);
}

/** All of it; what a `B` shows is as it is when it is asked for. */
export function* saveAll(store: SeriesStore): Iterable<StateChange> {
  let batch: Series[] = [];
  let count = 0;
  for (const one of store.all()) {
    batch.push(one);
    count += 1 + one.windows;
    if (count < MOST) continue;
    yield saveBatch(batch, store);
    batch = [];
    count = 0;
  }
  if (count > 0) yield saveBatch(batch, store);
}

function saveBatch(batch: readonly Series[], store: SeriesStore): StateChange {
  const windows = batch.flatMap(({ slots }) => slots.flatMap((slot) => slot.windows));
  const entries = [...saveSeries(batch), ...saveWindows(windows.sort(byPlace), store)];
  return { key: 'B', value: entries.map(({ key, value }) => [key, value]) };
}

function* saveSeries(all: Iterable<Series>): Iterable<StateChange> {
  let key = '';
  let like: Series | undefined;
  let value: unknown[] = [];
  for (const one of all) {
    if (like === undefined || value.length > 2 * MOST || !areAlike(one, like)) {
      if (like !== undefined) yield { key, value };
      like = one;
      key = one.forgotten ? '-S' : 'S';
      value = one.forgotten ? [] : [headOfSeries(one)];
    }
    value.push(one.name);
    if (!one.forgotten) value.push(one.columns ?? 0);
  }
  if (like !== undefined) yield { key, value };
}

function areAlike(a: Series, b: Series): boolean {
  if (a.forgotten || b.forgotten) return a.forgotten && b.forgotten;
  if (a.origin !== b.origin || a.keepUntil !== b.keepUntil) return false;
  for (let i = 0; i < a.slots.length; i++) if (a.slots[i]!.forgottenUntil !== b.slots[i]!.forgottenUntil) return false;
  return true;
}

function headOfSeries({ origin, keepUntil, slots }: Series): SeriesHead {
  return [origin.name, keepUntil, slots.map((slot) => slot.forgottenUntil)];
}

function* saveWindows(all: Iterable<Window>, store: SeriesStore): Iterable<StateChange> {
  let key = '';
  let like: Window | undefined;
  let value: unknown[] = [];
  for (const one of all) {
    const { span, due, forgotten } = one;
    if (like === undefined || value.length > 3 * MOST || !haveSameTimes(one, like)) {
      if (like !== undefined) yield { key, value };
      like = one;
      key = forgotten ? '-W' : 'W';
      value = forgotten ? [span.size, span.start] : [headOfWindow(one)];
    }
    value.push(one.series.name);
    if (forgotten) continue;
    const collected = store.collected.save(one.row);
    if (due === null) store.collected.rest(one.row, collected);
    value.push(one.revision, collected);
  }
  if (like !== undefined) yield { key, value };
}

/** Those of the same time come together. */
function byPlace(a: Window, b: Window): number {
  return a.size - b.size || a.start - b.start;
}

function haveSameTimes(a: Window, b: Window): boolean {
  if (a.forgotten !== b.forgotten || a.size !== b.size || a.start !== b.start) return false;
  if (a.forgotten) return true;
  if (a.span !== b.span && (a.closesAt !== a.end || a.keepUntil !== b.keepUntil)) return false;
  return a.due === b.due || (a.due?.watermark === b.due?.watermark && a.due?.at === b.due?.at);
}

function headOfWindow({ size, start, end, keepUntil, closesAt, due, merged }: Window): WindowHead {
  const saved = due && ([due.watermark, due.at] as const);
  return closesAt === end ? [size, start, keepUntil, saved] : [size, start, keepUntil, saved, end, merged];
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
  series.keepUntil = keepUntil;
  for (let i = 0; i < forgottenUntil.length; i++) series.slots[i]!.forgottenUntil = forgottenUntil[i]!;
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
  const known = windowAt(series.slots[size]!, start);
  if (known !== undefined) store.drop(known);
  const window = store.createWindow(series, store.span(size, start, keepUntil, end), collected);
  window.revision = revision;
  if (due !== null) window.due = store.due(due[0], due[1]);
  if (merged !== undefined) window.merged = merged;
}

function removeWindow(store: SeriesStore, name: string, size: number, start: number): void {
  const series = store.get(name);
  const window = series && windowAt(series.slots[size]!, start);
  if (window !== undefined) store.drop(window);
}
