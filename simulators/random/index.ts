/** A source of chance that a seed fixes: the same seed gives the same draws on every machine. */
export interface Random {
  /** 0 ≤ x < 1. */
  uniform(): number;
  /** A whole number, both ends included. */
  between(from: number, to: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
  /** Standard normal. */
  normal(): number;
  /** Log-normal by its median; `sigma` is the deviation of its logarithm. */
  logNormal(median: number, sigma: number): number;
  /** Waiting time to the next of events that come independently, by its mean. */
  exponential(mean: number): number;
}

/** sfc32, of the PractRand suite of Chris Doty-Humphrey. */
export function seeded(seed: number): Random {
  let [a, b, c, counter] = [0, seed | 0, Math.floor(seed / 2 ** 32) | 0, 1];
  const next = () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  // The first draws still show the seed.
  for (let i = 0; i < 12; i++) next();
  const uniform = () => next() / 2 ** 32;
  // Box and Muller; 1 - uniform() is never 0.
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return {
    uniform,
    between: (from, to) => from + Math.floor(uniform() * (to - from + 1)),
    chance: (probability) => uniform() < probability,
    pick: <T>(items: readonly T[]) => items[Math.floor(uniform() * items.length)]!,
    normal,
    logNormal: (median, sigma) => median * Math.exp(sigma * normal()),
    exponential: (mean) => -mean * Math.log(1 - uniform()),
  };
}

/** Draws items with the given weights. */
export function weighted<T>(random: Random, items: readonly (readonly [item: T, weight: number])[]): () => T {
  const sums: number[] = [];
  let total = 0;
  for (const [, weight] of items) {
    total += weight;
    sums.push(total);
  }
  return () => {
    const at = random.uniform() * total;
    let [low, high] = [0, sums.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! > at) high = middle;
      else low = middle + 1;
    }
    return (items[low] as (typeof items)[number])[0];
  };
}

/** Draws items by Zipf's law: the k-th has weight 1 / k^exponent. */
export function zipf<T>(random: Random, items: readonly T[], exponent = 1): () => T {
  return weighted(
    random,
    items.map((item, index) => [item, 1 / (index + 1) ** exponent] as const),
  );
}
