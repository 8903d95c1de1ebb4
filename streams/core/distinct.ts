import { type Accumulator, textOf } from './accumulators.ts';

/** 4,096 registers: a standard error of 1.04 / √4096 = 1.6 %. */
const INDEX_BITS = 12;
const REGISTERS = 1 << INDEX_BITS;
/** Bits of the hash beside the index; a register holds 0…53. */
const RANK_BITS = 52;
/** As many registers are kept in a list before there is one for each: what most windows need is less. */
const SPARSE = 512;
/** A dense register is saved as the character this far up. */
const ZERO = 48;

/**
 * How many different values there were: HyperLogLog (Flajolet, Fusy, Gandouet and Meunier, 2007) with the estimator of Ertl (2017), which needs no
 * corrections for small and large numbers. Two of three estimates are within 1.6 % of the truth, 99.7 % within 4.9 %. At most 4 KB.
 */
export class Distinct implements Accumulator {
  #sparse: Map<number, number> | undefined = new Map();
  #dense: Uint8Array | undefined;

  static load(saved: number[] | string): Distinct {
    const loaded = new Distinct();
    if (typeof saved === 'string') {
      loaded.#sparse = undefined;
      loaded.#dense = Uint8Array.from(saved, (character) => character.charCodeAt(0) - ZERO);
    } else {
      for (const register of saved) loaded.#raise(register >> 6, register & 63);
    }
    return loaded;
  }

  add(value: unknown): void {
    if (value === null) return;
    const text = textOf(value);
    const high = hash(text, 0x9e3779b9);
    const low = hash(text, 0x7f4a7c15);
    const rest = (high << INDEX_BITS) >>> 0;
    const rank = rest !== 0 ? Math.clz32(rest) + 1 : 32 - INDEX_BITS + Math.clz32(low) + 1;
    this.#raise(high >>> (32 - INDEX_BITS), rank);
  }

  merge(other: Distinct): void {
    for (const [index, rank] of other.#registers()) this.#raise(index, rank);
  }

  save(): unknown {
    if (this.#dense !== undefined) return String.fromCharCode(...this.#dense.map((rank) => rank + ZERO));
    return Array.from(this.#registers(), ([index, rank]) => (index << 6) | rank);
  }

  estimate(): number {
    const counts = new Array<number>(RANK_BITS + 2).fill(0);
    let used = 0;
    for (const [, rank] of this.#registers()) {
      counts[rank]!++;
      if (rank > 0) used++;
    }
    counts[0] = REGISTERS - used;
    let z = REGISTERS * tau(1 - counts[RANK_BITS + 1]! / REGISTERS);
    for (let rank = RANK_BITS; rank >= 1; rank--) z = 0.5 * (z + counts[rank]!);
    z += REGISTERS * sigma(counts[0] / REGISTERS);
    return Math.round((REGISTERS * REGISTERS) / (2 * Math.LN2 * z));
  }

  #registers(): Iterable<[index: number, rank: number]> {
    return (this.#sparse ?? this.#dense!).entries();
  }

  #raise(index: number, rank: number): void {
    if (this.#dense !== undefined) {
      if (rank > this.#dense[index]!) this.#dense[index] = rank;
      return;
    }
    const sparse = this.#sparse!;
    if (rank <= (sparse.get(index) ?? 0)) return;
    sparse.set(index, rank);
    if (sparse.size <= SPARSE) return;
    this.#dense = new Uint8Array(REGISTERS);
    for (const [at, of] of sparse) this.#dense[at] = of;
    this.#sparse = undefined;
  }
}

/** 32 bits of a text, well mixed. */
function hash(text: string, seed: number): number {
  let h = seed;
  for (let i = 0; i < text.length; i++) {
    h = Math.imul(h ^ text.charCodeAt(i), 0xcc9e2d51);
    h ^= h >>> 15;
  }
  h = Math.imul(h ^ text.length ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function sigma(share: number): number {
  if (share === 1) return Infinity;
  let [x, y, z, before] = [share, 1, share, -1];
  while (z !== before) {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  }
  return z;
}

function tau(share: number): number {
  if (share === 0 || share === 1) return 0;
  let [x, y, z, before] = [share, 1, 1 - share, -1];
  while (z !== before) {
    x = Math.sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) ** 2 * y;
  }
  return z / 3;
}
