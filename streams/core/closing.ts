import { Agenda } from './agenda.ts';
import type { Origin } from './event-time.ts';
import type { Series, SeriesStore } from './series.ts';
import type { Window } from './window.ts';

/** A window whose time is over waits this long, in event time, for more before it is put out again. */
const REFINE_MS = 2_000;

/** What is to be done for the series of one origin as its watermarks move. An entry may be too early, or no longer hold: it is looked at when it is due. */
class Agendas {
  readonly live = new Agenda<Window>();
  readonly complete = new Agenda<Window>();
  readonly windows = new Agenda<Window>();
  readonly series = new Agenda<Series>();
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
  readonly #rememberMs: number;
  readonly #earlyEveryMs: number;
  readonly #putOutOne: ClosingOptions['putOut'];
  readonly #agendas = new Map<Origin, Agendas>();

  constructor({ store, rememberMs, earlyEveryMs, putOut }: ClosingOptions) {
    this.#store = store;
    this.#rememberMs = rememberMs;
    this.#earlyEveryMs = earlyEveryMs;
    this.#putOutOne = putOut;
  }

  opened(window: Window): void {
    this.#agendasOf(window.series.origin).windows.add(window.keepUntil, window);
  }

  /** A window took a record. Cheap where it is due already. */
  touched(window: Window): void {
    if (window.due !== null && (this.#earlyEveryMs === 0 || window.due.at < window.closesAt)) return;
    this.schedule(window);
  }

  /** A window's content or end changed: it is to be put out, and not before its time. */
  schedule(window: Window): void {
    const { live, complete } = window.series.origin;
    const { closesAt, due } = window;
    const watermark = live < closesAt ? 'live' : 'complete';
    let at = closesAt;
    if (watermark === 'live') {
      const every = this.#earlyEveryMs;
      const from = Math.max(live, window.start);
      if (every > 0) at = Math.min(closesAt, from - (from % every) + every);
    } else if (complete >= closesAt) {
      // It waits once, not anew with each record.
      if (due?.watermark === 'complete' && due.at >= complete) return;
      at = complete + REFINE_MS;
    }
    if (due !== null && due.watermark === watermark && due.at <= at) window.due = this.#store.due(watermark, at);
    else this.#due(window, watermark, at);
  }

  #due(window: Window, watermark: 'live' | 'complete', at: number): void {
    window.due = this.#store.due(watermark, at);
    this.#agendasOf(window.series.origin)[watermark].add(at, window);
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
    const over: Window[] = [];
    for (const window of agendas.windows.take(complete)) {
      if (window.forgotten) continue;
      if (window.keepUntil > complete) agendas.windows.add(window.keepUntil, window);
      else over.push(window);
    }
    this.#putOut(over);
    for (const window of over) this.#forget(window, agendas, complete);
    for (const series of agendas.series.take(complete)) {
      if (series.windows === 0 && series.keepUntil <= complete && !series.forgotten) this.#store.forgetSeries(series);
    }
    if (agendas.series.next === Infinity && agendas.windows.next === Infinity) this.#agendas.delete(origin);
  }

  /** An origin says nothing more for now: what waits for more of it is put out as it is. */
  silent(origin: Origin): void {
    const agendas = this.#agendas.get(origin);
    if (agendas !== undefined) this.#take(agendas, 'complete', Infinity);
  }

  #take(agendas: Agendas, watermark: 'live' | 'complete', until: number): void {
    const due: Window[] = [];
    for (const window of agendas[watermark].take(until)) {
      if (window.forgotten || window.due?.watermark !== watermark) continue;
      // A session that has grown.
      if (window.due.at > until) agendas[watermark].add(window.due.at, window);
      else due.push(window);
    }
    this.#putOut(due);
  }

  #putOut(windows: Window[]): void {
    // The same order whatever the order of arrival.
    windows.sort(inOrder);
    for (const [i, window] of windows.entries()) {
      // One that grew may be in the list twice.
      if (window.due === null || window === windows[i - 1]) continue;
      const { live, complete } = window.series.origin;
      const early = Math.max(live, complete) < window.closesAt;
      if (this.#putOutOne(window, early)) window.revision++;
      window.due = null;
      // What is put out early is put out at the end even if nothing comes any more: then it is no longer early.
      if (early && this.#earlyEveryMs > 0) this.#due(window, 'live', window.closesAt);
      this.#store.changed(window);
    }
  }

  #forget(window: Window, agendas: Agendas, complete: number): void {
    const { series } = window;
    this.#store.forgetWindow(window);
    if (series.windows > 0) return;
    series.keepUntil = complete + this.#rememberMs;
    agendas.series.add(series.keepUntil, series);
  }

  /** Takes up what was restored. */
  settle(): void {
    for (const series of this.#store.all()) {
      const agendas = this.#agendasOf(series.origin);
      if (series.windows === 0) agendas.series.add(series.keepUntil, series);
      for (const { windows } of series.slots) {
        for (const window of windows) {
          agendas.windows.add(window.keepUntil, window);
          const { due } = window;
          if (due !== null) agendas[due.watermark].add(due.at, window);
        }
      }
    }
  }
}

function inOrder(a: Window, b: Window): number {
  const byTime = a.end - b.end || a.size - b.size || a.start - b.start;
  if (byTime !== 0 || a === b) return byTime;
  return a.series.name < b.series.name ? -1 : 1;
}
