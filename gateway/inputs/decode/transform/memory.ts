/**
 * What a deadband or a rate limit remembers: the reading kept last of each series. A reading that is under way to the disk counts, so that a burst
 * is thinned too, but only until its message turns out not to be stored: then the one before it counts again, as if it had never come. Whoever
 * dropped a reading because of one that is under way leans on it, and must look again when that is not stored.
 */
export class SeriesMemory {
  readonly #series = new Map<string, Kept>();
  readonly #maxSeries: number;

  /** Beyond `maxSeries` the ones longest without a kept reading are forgotten: their next reading is kept. */
  constructor(maxSeries = 50_000) {
    this.#maxSeries = maxSeries;
  }

  /** The reading of the series kept last, as `asker` may see it. */
  last(series: string, asker: Ticket): Kept | undefined {
    let kept = this.#series.get(series);
    while (kept && (kept.isVoid || !asker.sees(kept.ticket))) kept = kept.before;
    return kept;
  }

  keep(series: string, value: number, ts: number, ticket: Ticket): void {
    let before = this.#series.get(series);
    while (before && (before.isVoid || before.ticket.state === 'void')) before = before.before;
    const kept: Kept = { value, ts, ticket, before, isVoid: false };
    ticket.keeps(kept);
    this.#series.delete(series);
    this.#series.set(series, kept);
    if (this.#series.size > this.#maxSeries) this.#series.delete(this.#series.keys().next().value as string);
  }
}

export interface Kept {
  readonly value: number;
  readonly ts: number;
  readonly ticket: Ticket;
  /** Counts again when this one is not stored. */
  before: Kept | undefined;
  /** It turned out to be no reading, though its message may be stored. */
  isVoid: boolean;
}

/** Stands for a message on its way to the disk. */
export class Ticket {
  state: 'under way' | 'stored' | 'void' = 'under way';
  readonly #storedOnly: boolean;
  readonly #kept: Kept[] = [];
  readonly #leansOn = new Set<Ticket>();
  /** Made only when somebody waits, which is rare. */
  #settled: PromiseWithResolvers<boolean> | undefined;

  /** `storedOnly`: it looks at nothing that is under way, and so leans on nothing. */
  constructor(storedOnly = false) {
    this.#storedOnly = storedOnly;
  }

  get leans(): boolean {
    return this.#leansOn.size > 0;
  }

  /** Whether all that it leans on was stored, once that is known. */
  async held(): Promise<boolean> {
    const outcomes = await Promise.all(Array.from(this.#leansOn, (other) => other.#outcome()));
    return !outcomes.includes(false);
  }

  #outcome(): Promise<boolean> {
    if (this.state !== 'under way') return Promise.resolve(this.state === 'stored');
    this.#settled ??= Promise.withResolvers();
    return this.#settled.promise;
  }

  sees(other: Ticket): boolean {
    return other === this || other.state === 'stored' || (other.state === 'under way' && !this.#storedOnly);
  }

  leanOn(other: Ticket): void {
    if (other !== this && other.state === 'under way') this.#leansOn.add(other);
  }

  keeps(kept: Kept): void {
    this.#kept.push(kept);
  }

  /** How many readings it keeps so far. */
  get size(): number {
    return this.#kept.length;
  }

  /** Takes back those it keeps beyond the first `size`. */
  takeBack(size: number): void {
    for (const kept of this.#kept.splice(size)) kept.isVoid = true;
  }

  /** To be called once, when it is known whether the message was stored. */
  settle(stored: boolean): void {
    this.state = stored ? 'stored' : 'void';
    // What is stored will count for good, and what came before it never again.
    if (stored) for (const kept of this.#kept) kept.before = undefined;
    this.#settled?.resolve(stored);
  }
}
