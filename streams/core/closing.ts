import { Agenda } from './agenda.ts';
import type { Origin } from './event-time.ts';
import type { SeriesStore } from './series.ts';
import type { Watermark, Window, WindowTable } from './window.ts';

/** A window whose time is over waits this long, in event time, for more before it is put out again. */
const REFINE_MS = 2_000;

/** What is to be done for the series of one origin as its watermarks move. An entry may be too early, or no longer hold: it is looked at when it is due. */
class Agendas {
  // Tickets of windows, and of series.
  readonly live = new Agenda<number>();
  readonly complete = new Agenda<number>();
  readonly windows = new Agenda<number>();
  readonly series = new Agenda<number>();
}

export interface ClosingOptions {
  readonly store: SeriesStore;
  readonly rememberMs: number;
  /** How often, in event time, windows are put out before they close; 0 for never. */
  readonly earlyEveryMs: number;
  /** @returns false where there is nothing to put out */
  readonly putOut: (window: Window, early: boolean) => boolean;
}

/** When windows are put out, and when they and their series are forgotten; `Windows` says by which rules. */
export class Closing {
  readonly #store: SeriesStore;
  readonly #windows: WindowTable;
  readonly #rememberMs: number;
  readonly #earlyEveryMs: number;
  readonly #putOutOne: ClosingOptions['putOut'];
  readonly #agendas = new Map<Origin, Agendas>();

  constructor({ store, rememberMs, earlyEveryMs, putOut }: ClosingOptions) {
    this.#store = store;
    this.#windows = store.windows;
    this.#rememberMs = rememberMs;
    this.#earlyEveryMs = earlyEveryMs;
    this.#putOutOne = putOut;
  }

  opened(window: Window): void {
    this.#agendasFor(window).windows.add(this.#windows.keepUntil(window), this.#windows.ticket(window));
  }

  /** A window took a record. Cheap where it is due already. */
  touched(window: Window): void {
    const windows = this.#windows;
    const isDue = windows.due(window) !== null;
    if (isDue && (this.#earlyEveryMs === 0 || windows.dueAt(window) < windows.closesAt(window))) return;
    this.schedule(window);
  }

  /** A window's content or end changed: it is to be put out, and not before its time. */
  schedule(window: Window): void {
    const windows = this.#windows;
    const { live, complete } = this.#originOf(window);
    const closesAt = windows.closesAt(window);
    const due = windows.due(window);
    const dueAt = windows.dueAt(window);
    const watermark = live < closesAt ? 'live' : 'complete';
    let at = closesAt;
    if (watermark === 'live') {
      const every = this.#earlyEveryMs;
      const from = Math.max(live, windows.start(window));
      if (every > 0) at = Math.min(closesAt, from - (from % every) + every);
    } else if (complete >= closesAt) {
      // It waits once, not anew with each record.
      if (due === 'complete' && dueAt >= complete) return;
      at = complete + REFINE_MS;
    }
    if (due === watermark && dueAt <= at) windows.setDue(window, watermark, at);
    else this.#due(window, watermark, at);
  }

  #due(window: Window, watermark: Watermark, at: number): void {
    this.#windows.setDue(window, watermark, at);
    this.#agendasFor(window)[watermark].add(at, this.#windows.ticket(window));
  }

  #originOf(window: Window): Origin {
    return this.#store.originOf(this.#windows.series(window));
  }

  #agendasFor(window: Window): Agendas {
    return this.#agendasOf(this.#originOf(window));
  }

  #agendasOf(origin: Origin): Agendas {
    let agendas = this.#agendas.get(origin);
    if (agendas === undefined) {
      agendas = new Agendas();
      this.#agendas.set(origin, agendas);
    }
    return agendas;
  }

  /** An origin's watermarks moved. */
  advance(origin: Origin): void {
    const agendas = this.#agendas.get(origin);
    if (agendas === undefined) return;
    const { live, complete } = origin;
    if (live >= agendas.live.next) this.#take(agendas, 'live', live);
    if (complete < agendas.complete.next && complete < agendas.windows.next && complete < agendas.series.next) return;
    this.#take(agendas, 'complete', complete);
    const windows = this.#windows;
    const over: Window[] = [];
    for (const ticket of agendas.windows.take(complete)) {
      const window = this.#windowOf(ticket);
      if (window < 0) continue;
      if (windows.keepUntil(window) > complete) agendas.windows.add(windows.keepUntil(window), ticket);
      else over.push(window);
    }
    this.#putOut(over);
    for (const window of over) this.#forget(window, agendas, complete);
    const store = this.#store;
    for (const ticket of agendas.series.take(complete)) {
      const series = store.seriesOf(ticket);
      if (series < 0 || store.isForgotten(series) || store.hasWindows(series)) continue;
      if (store.keepUntil(series) <= complete) store.forgetSeries(series);
    }
    if (agendas.series.next === Infinity && agendas.windows.next === Infinity) this.#agendas.delete(origin);
  }

  /** An origin says nothing more for now: what waits for more of it is put out as it is. */
  silent(origin: Origin): void {
    const agendas = this.#agendas.get(origin);
    if (agendas !== undefined) this.#take(agendas, 'complete', Infinity);
  }

  /** @returns -1 where it is forgotten */
  #windowOf(ticket: number): Window {
    const window = this.#windows.windowOf(ticket);
    return window >= 0 && this.#windows.isForgotten(window) ? -1 : window;
  }

  #take(agendas: Agendas, watermark: Watermark, until: number): void {
    const windows = this.#windows;
    const due: Window[] = [];
    for (const ticket of agendas[watermark].take(until)) {
      const window = this.#windowOf(ticket);
      if (window < 0 || windows.due(window) !== watermark) continue;
      // A session that has grown.
      if (windows.dueAt(window) > until) agendas[watermark].add(windows.dueAt(window), ticket);
      else due.push(window);
    }
    this.#putOut(due);
  }

  #putOut(due: Window[]): void {
    const windows = this.#windows;
    // The same order whatever the order of arrival.
    due.sort((a, b) => this.#inOrder(a, b));
    for (const [i, window] of due.entries()) {
      // One that grew may be in the list twice.
      if (windows.due(window) === null || window === due[i - 1]) continue;
      const { live, complete } = this.#originOf(window);
      const closesAt = windows.closesAt(window);
      const early = Math.max(live, complete) < closesAt;
      if (this.#putOutOne(window, early)) windows.setRevision(window, windows.revision(window) + 1);
      windows.setDue(window, null);
      // What is put out early is put out at the end even if nothing comes any more: then it is no longer early.
      if (early && this.#earlyEveryMs > 0) this.#due(window, 'live', closesAt);
      this.#store.changed(window);
    }
  }

  #inOrder(a: Window, b: Window): number {
    const windows = this.#windows;
    const byTime =
      windows.end(a) - windows.end(b) || windows.size(a) - windows.size(b) || windows.start(a) - windows.start(b);
    if (byTime !== 0 || a === b) return byTime;
    return this.#store.nameOf(windows.series(a)) < this.#store.nameOf(windows.series(b)) ? -1 : 1;
  }

  #forget(window: Window, agendas: Agendas, complete: number): void {
    const store = this.#store;
    const series = this.#windows.series(window);
    store.forgetWindow(window);
    if (store.hasWindows(series)) return;
    store.setKeepUntil(series, complete + this.#rememberMs);
    agendas.series.add(store.keepUntil(series), store.ticket(series));
  }

  /** Takes up what was restored. */
  settle(): void {
    const store = this.#store;
    const windows = this.#windows;
    for (const series of store.all()) {
      const agendas = this.#agendasOf(store.originOf(series));
      if (!store.hasWindows(series)) agendas.series.add(store.keepUntil(series), store.ticket(series));
      for (const window of store.allWindowsOf(series)) {
        const ticket = windows.ticket(window);
        agendas.windows.add(windows.keepUntil(window), ticket);
        const due = windows.due(window);
        if (due !== null) agendas[due].add(windows.dueAt(window), ticket);
      }
    }
  }
}
