import { LogCollapsingLowestDenseDDSketch } from '@datadog/sketches-js';
import { type Accumulator, isNumber } from './accumulators.ts';

type Sketch = LogCollapsingLowestDenseDDSketch;

/** Keys and counts of a store's bins that hold anything, in turn. */
type Bins = number[];

function saveBins(store: Sketch['store']): Bins {
  const bins: Bins = [];
  store.bins.forEach((count, index) => {
    if (count > 0) bins.push(index + store.offset, count);
  });
  return bins;
}

function loadBins(store: Sketch['store'], bins: Bins): void {
  for (let i = 0; i < bins.length; i += 2) store.add(bins[i]!, bins[i + 1]!);
}

/**
 * Quantiles within 1 % of the true value: DDSketch (Masson, Rim and Lee, 2019). Holds at most 2,048 bins, which cover 17 powers of ten; values
 * smaller than that share the lowest bin.
 */
export class Quantiles implements Accumulator {
  readonly #sketch: Sketch = new LogCollapsingLowestDenseDDSketch({ relativeAccuracy: 0.01 });

  static load([positive, negative, zeroes]: [Bins, Bins, number]): Quantiles {
    const loaded = new Quantiles();
    const sketch = loaded.#sketch;
    loadBins(sketch.store, positive);
    loadBins(sketch.negativeStore, negative);
    sketch.zeroCount = zeroes;
    sketch.count = sketch.store.count + sketch.negativeStore.count + zeroes;
    return loaded;
  }

  add(value: unknown): void {
    if (isNumber(value)) this.#sketch.accept(value);
  }

  merge(other: Quantiles): void {
    // By hand, because the library's own merge forgets the negative values (2.1.1).
    const [mine, theirs] = [this.#sketch, other.#sketch];
    loadBins(mine.store, saveBins(theirs.store));
    loadBins(mine.negativeStore, saveBins(theirs.negativeStore));
    mine.zeroCount += theirs.zeroCount;
    mine.count += theirs.count;
  }

  save(): unknown {
    const { store, negativeStore, zeroCount } = this.#sketch;
    return [saveBins(store), saveBins(negativeStore), zeroCount];
  }

  /** @param q 0…1 @returns null where nothing was added */
  at(q: number): number | null {
    return this.#sketch.count === 0 ? null : this.#sketch.getValueAtQuantile(q);
  }
}
