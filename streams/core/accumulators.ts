/** JSON has no number for a sum that grew beyond all numbers: it would come back as none. */
type SavedNumber = number | string;

function saveNumber(value: number): SavedNumber {
  return Number.isFinite(value) ? value : String(value);
}

/**
 * Collects one input over a window. The order of adding does not matter, but for the last digits of floating-point sums and a `top` of more values than it
 * counts; merging two gives what one would hold that was given the records of both.
 */
export interface Accumulator {
  /**
   * @param value of the input expression, null where there is none
   * @param ts event time, ms since the epoch
   * @param offset of the record in its partition
   */
  add(value: unknown, ts: number, offset: number): void;
  merge(other: this): void;
  /** Plain JSON, of which `load` makes the same again; never shared with the accumulator. */
  save(): unknown;
}

/** What JSON can hold as a number. */
export function isNumber(value: unknown): value is number {
  return Number.isFinite(value);
}

/** A value as text. Records of strangers hold objects that cannot be made into one otherwise: `{"toString": 1}`. */
export function textOf(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** One of numbers alone: it can be kept in cells of a table, and taken from there when it is needed. */
export interface Numeric extends Accumulator {
  read(cells: Float64Array, at: number): void;
  write(cells: Float64Array, at: number): void;
}

export interface AccumulatorClass {
  new (): Accumulator;
  load(saved: never): Accumulator;
  /** How many cells those of numbers alone take. */
  readonly cells?: number;
}

export class Count implements Numeric {
  static readonly cells = 1;
  n = 0;
  static load(n: number): Count {
    return Object.assign(new Count(), { n });
  }
  add(): void {
    this.n++;
  }
  merge(other: Count): void {
    this.n += other.n;
  }
  read(cells: Float64Array, at: number): void {
    this.n = cells[at]!;
  }
  write(cells: Float64Array, at: number): void {
    cells[at] = this.n;
  }
  save(): unknown {
    return this.n;
  }
}

export class Sum implements Numeric {
  static readonly cells = 2;
  n = 0;
  sum = 0;
  static load([n, sum]: [number, SavedNumber]): Sum {
    return Object.assign(new Sum(), { n, sum: Number(sum) });
  }
  add(value: unknown): void {
    if (!isNumber(value)) return;
    this.n++;
    this.sum += value;
  }
  merge(other: Sum): void {
    this.n += other.n;
    this.sum += other.sum;
  }
  read(cells: Float64Array, at: number): void {
    this.n = cells[at]!;
    this.sum = cells[at + 1]!;
  }
  write(cells: Float64Array, at: number): void {
    cells[at] = this.n;
    cells[at + 1] = this.sum;
  }
  save(): unknown {
    return [this.n, saveNumber(this.sum)];
  }
}

export class Least implements Numeric {
  static readonly cells = 1;
  value: number | null = null;
  static load(value: number | null): Least {
    return Object.assign(new Least(), { value });
  }
  add(value: unknown): void {
    if (isNumber(value) && (this.value === null || value < this.value)) this.value = value;
  }
  merge(other: Least): void {
    this.add(other.value);
  }
  read(cells: Float64Array, at: number): void {
    this.value = Number.isNaN(cells[at]!) ? null : cells[at]!;
  }
  write(cells: Float64Array, at: number): void {
    cells[at] = this.value ?? Number.NaN;
  }
  save(): unknown {
    return this.value;
  }
}

export class Greatest implements Numeric {
  static readonly cells = 1;
  value: number | null = null;
  static load(value: number | null): Greatest {
    return Object.assign(new Greatest(), { value });
  }
  add(value: unknown): void {
    if (isNumber(value) && (this.value === null || value > this.value)) this.value = value;
  }
  merge(other: Greatest): void {
    this.add(other.value);
  }
  read(cells: Float64Array, at: number): void {
    this.value = Number.isNaN(cells[at]!) ? null : cells[at]!;
  }
  write(cells: Float64Array, at: number): void {
    cells[at] = this.value ?? Number.NaN;
  }
  save(): unknown {
    return this.value;
  }
}

export class Extent implements Numeric {
  static readonly cells = 2;
  least = Infinity;
  greatest = -Infinity;
  static load(saved: [number, number] | null): Extent {
    const [least, greatest] = saved ?? [Infinity, -Infinity];
    return Object.assign(new Extent(), { least, greatest });
  }
  add(value: unknown): void {
    if (!isNumber(value)) return;
    this.least = Math.min(this.least, value);
    this.greatest = Math.max(this.greatest, value);
  }
  merge(other: Extent): void {
    this.least = Math.min(this.least, other.least);
    this.greatest = Math.max(this.greatest, other.greatest);
  }
  read(cells: Float64Array, at: number): void {
    this.least = cells[at]!;
    this.greatest = cells[at + 1]!;
  }
  write(cells: Float64Array, at: number): void {
    cells[at] = this.least;
    cells[at + 1] = this.greatest;
  }
  save(): unknown {
    return this.least > this.greatest ? null : [this.least, this.greatest];
  }
}

/** Welford (1962); merged after Chan, Golub and LeVeque (1979). */
export class Moments implements Numeric {
  static readonly cells = 3;
  n = 0;
  mean = 0;
  m2 = 0;
  static load([n, mean, m2]: [number, SavedNumber, SavedNumber]): Moments {
    return Object.assign(new Moments(), { n, mean: Number(mean), m2: Number(m2) });
  }
  add(value: unknown): void {
    if (!isNumber(value)) return;
    this.n++;
    const delta = value - this.mean;
    this.mean += delta / this.n;
    this.m2 += delta * (value - this.mean);
  }
  merge(other: Moments): void {
    if (other.n === 0) return;
    const n = this.n + other.n;
    const delta = other.mean - this.mean;
    this.m2 += other.m2 + (delta * delta * this.n * other.n) / n;
    this.mean += (delta * other.n) / n;
    this.n = n;
  }
  read(cells: Float64Array, at: number): void {
    this.n = cells[at]!;
    this.mean = cells[at + 1]!;
    this.m2 = cells[at + 2]!;
  }
  write(cells: Float64Array, at: number): void {
    cells[at] = this.n;
    cells[at + 1] = this.mean;
    cells[at + 2] = this.m2;
  }
  save(): unknown {
    return [this.n, saveNumber(this.mean), saveNumber(this.m2)];
  }
}

export class Share implements Numeric {
  static readonly cells = 2;
  n = 0;
  hits = 0;
  static load([n, hits]: [number, number]): Share {
    return Object.assign(new Share(), { n, hits });
  }
  add(value: unknown): void {
    this.n++;
    if (value === true) this.hits++;
  }
  merge(other: Share): void {
    this.n += other.n;
    this.hits += other.hits;
  }
  read(cells: Float64Array, at: number): void {
    this.n = cells[at]!;
    this.hits = cells[at + 1]!;
  }
  write(cells: Float64Array, at: number): void {
    cells[at] = this.n;
    cells[at + 1] = this.hits;
  }
  save(): unknown {
    return [this.n, this.hits];
  }
}
