import { LogCollapsingLowestDenseDDSketch } from '@datadog/sketches-js';
import { type Accumulator, isNumber } from './accumulators.ts';

/** So many bins are kept of each sign. */
const BINS = 2_048;

type Store = LogCollapsingLowestDenseDDSketch['store'];

function emptySketch(): LogCollapsingLowestDenseDDSketch {
  return new LogCollapsingLowestDenseDDSketch({ relativeAccuracy: 0.01, binLimit: BINS });
}

/** Keys and counts of a store's bins that hold anything, in turn. */
type Bins = number[];

function saveBins(store: Store): Bins {
  const bins: Bins = [];
  store.bins.forEach((count, index) => {
    if (count > 0) bins.push(index + store.offset, count);
  });
  return bins;
}

/**
 * Adds to a bin, of which the lowest share one where there would be too many. The library does that too, but counts what was in the shared bin before
 * a second time (2.1.1): it is never left to it.
 * @returns the store to go on with
 */
function addTo(store: Store, key: number, count: number): Store {
  if (store.count === 0 || key - store.minKey < BINS) {
    store.add(store.count === 0 ? key : Math.max(key, store.maxKey - BINS + 1), count);
    return store;
  }
  const { store: fewer } = emptySketch();
  const lowest = key - BINS + 1;
  const bins = saveBins(store);
  fewer.add(key, count);
  for (let i = 0; i < bins.length; i += 2) fewer.add(Math.max(bins[i]!, lowest), bins[i + 1]!);
  return fewer;
}

function addBins(store: Store, bins: Bins): Store {
  let into = store;
  for (let i = 0; i < bins.length; i += 2) into = addTo(into, bins[i]!, bins[i + 1]!);
  return into;
}

/**
 * Quantiles within 1 % of the true value: DDSketch (Masson, Rim and Lee, 2019). Holds at most 2,048 bins, which cover 17 powers of ten; values
 * smaller than that share the lowest bin.
 */
export class Quantiles implements Accumulator {
  readonly #sketch = emptySketch();

  static load([positive, negative, zeroes]: [Bins, Bins, number]): Quantiles {
    const loaded = new Quantiles();
    const sketch = loaded.#sketch;
    sketch.store = addBins(sketch.store, positive);
    sketch.negativeStore = addBins(sketch.negativeStore, negative);
    sketch.zeroCount = zeroes;
    sketch.count = sketch.store.count + sketch.negativeStore.count + zeroes;
    return loaded;
  }

  add(value: unknown): void {
    if (!isNumber(value)) return;
    const sketch = this.#sketch;
    const { mapping } = sketch;
    if (value > mapping.minPossible) sketch.store = addTo(sketch.store, mapping.key(value), 1);
    else if (value < -mapping.minPossible) sketch.negativeStore = addTo(sketch.negativeStore, mapping.key(-value), 1);
    else sketch.zeroCount++;
    sketch.count++;
  }

  merge(other: Quantiles): void {
    // By hand, because the library's own merge forgets the negative values (2.1.1).
    const [mine, theirs] = [this.#sketch, other.#sketch];
    mine.store = addBins(mine.store, saveBins(theirs.store));
    mine.negativeStore = addBins(mine.negativeStore, saveBins(theirs.negativeStore));
    mine.zeroCount += theirs.zeroCount;
    mine.count += theirs.count;
  }

  save(): unknown {
    const { store, negativeStore, zeroCount } = this.#sketch;
    return [saveBins(store), saveBins(negativeStore), zeroCount];
  }

  /** @param q 0…1 @returns null where nothing was added */
  at(q: number): number | null {
    if (this.#sketch.count === 0) return null;
    // The middle of the bin of the greatest number is beyond all numbers.
    const value = this.#sketch.getValueAtQuantile(q);
    return Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, value));
  }
}
