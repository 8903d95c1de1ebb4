import { type Accumulator, textOf } from './accumulators.ts';

/** How many values are counted at a time. */
export const COUNTERS = 512;
/** Values count by their first characters, so that a checkpoint's entry stays small whoever makes them up. */
const LONGEST = 128;

/** A value and how often it came: at most `count`, at least `count - error`. */
export interface Ranked {
  readonly value: string;
  readonly count: number;
  readonly error: number;
}

interface Counter {
  count: number;
  error: number;
}

/**
 * The values that came most often: Space-Saving (Metwally, Agrawal and El Abbadi, 2005). A value without a counter takes over the one that counted least,
 * and its count. Of n values each count is at most n / 512 too high, and whatever came more often than that has a counter; up to 512 different
 * values are counted exactly. Both hold after merging, too (Agarwal and others, 2012): a value that one side has no counter for came there at most
 * as often as the side's least.
 */
export class Top implements Accumulator {
  /** In the order in which counters were taken over last: it decides between equals, so it is kept in what is saved. */
  #counters = new Map<string, Counter>();
  /** Values that may count least, the one to be taken over next first. */
  #least: string[] = [];
  #leastCount = 0;

  static load(saved: [value: string, count: number, error: number][]): Top {
    const loaded = new Top();
    for (const [value, count, error] of saved) loaded.#counters.set(value, { count, error });
    return loaded;
  }

  add(value: unknown): void {
    if (value === null) return;
    const text = textOf(value).slice(0, LONGEST);
    const known = this.#counters.get(text);
    if (known !== undefined) {
      known.count++;
      return;
    }
    const least = this.#counters.size < COUNTERS ? 0 : this.#takeLeast();
    this.#counters.set(text, { count: least + 1, error: least });
  }

  merge(other: Top): void {
    const [ours, theirs] = [this.#leastKept(), other.#leastKept()];
    for (const [value, counter] of this.#counters) {
      const { count, error } = other.#counters.get(value) ?? { count: theirs, error: theirs };
      counter.count += count;
      counter.error += error;
    }
    for (const [value, { count, error }] of other.#counters) {
      if (!this.#counters.has(value)) this.#counters.set(value, { count: count + ours, error: error + ours });
    }
    if (this.#counters.size > COUNTERS) this.#counters = new Map([...this.#counters].sort(byCount).slice(0, COUNTERS));
    this.#least = [];
  }

  save(): unknown {
    return Array.from(this.#counters, ([value, { count, error }]) => [value, count, error]);
  }

  /** The `k` with the highest counts, the highest first; equal ones in the order of their values. */
  ranked(k: number): Ranked[] {
    const sorted = [...this.#counters].sort(byCount).slice(0, k);
    return sorted.map(([value, { count, error }]) => ({ value, count, error }));
  }

  /** How often a value without a counter may have come. */
  #leastKept(): number {
    if (this.#counters.size < COUNTERS) return 0;
    let least = Infinity;
    for (const { count } of this.#counters.values()) least = Math.min(least, count);
    return least;
  }

  /** Gives up the counter that counted least. @returns what it counted */
  #takeLeast(): number {
    for (;;) {
      const value = this.#least.pop();
      if (value === undefined) {
        this.#leastCount = this.#leastKept();
        for (const [of, { count }] of this.#counters) if (count === this.#leastCount) this.#least.push(of);
        this.#least.reverse();
      } else if (this.#counters.get(value)!.count === this.#leastCount) {
        this.#counters.delete(value);
        return this.#leastCount;
      }
    }
  }
}

function byCount([a, { count: x }]: [string, Counter], [b, { count: y }]: [string, Counter]): number {
  return y - x || (a < b ? -1 : 1);
}
