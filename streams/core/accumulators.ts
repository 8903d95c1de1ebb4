import type { Aggregate } from './aggregates.ts';
import { DecimalGreatest, DecimalSum, decimalOf } from './decimals.ts';
import { Distinct } from './distinct.ts';
import { compileExpression, type Evaluate, type Expression } from './expressions.ts';
import { First, Last } from './first-last.ts';
import { Quantiles } from './quantiles.ts';
import { Top } from './top.ts';

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

interface AccumulatorClass {
  new (): Accumulator;
  load(saved: never): Accumulator;
}

class Count implements Accumulator {
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
  save(): unknown {
    return this.n;
  }
}

class Sum implements Accumulator {
  n = 0;
  sum = 0;
  static load([n, sum]: [number, number]): Sum {
    return Object.assign(new Sum(), { n, sum });
  }
  add(value: unknown): void {
    if (typeof value !== 'number') return;
    this.n++;
    this.sum += value;
  }
  merge(other: Sum): void {
    this.n += other.n;
    this.sum += other.sum;
  }
  save(): unknown {
    return [this.n, this.sum];
  }
}

class Least implements Accumulator {
  value: number | null = null;
  static load(value: number | null): Least {
    return Object.assign(new Least(), { value });
  }
  add(value: unknown): void {
    if (typeof value === 'number' && (this.value === null || value < this.value)) this.value = value;
  }
  merge(other: Least): void {
    this.add(other.value);
  }
  save(): unknown {
    return this.value;
  }
}

class Greatest implements Accumulator {
  value: number | null = null;
  static load(value: number | null): Greatest {
    return Object.assign(new Greatest(), { value });
  }
  add(value: unknown): void {
    if (typeof value === 'number' && (this.value === null || value > this.value)) this.value = value;
  }
  merge(other: Greatest): void {
    this.add(other.value);
  }
  save(): unknown {
    return this.value;
  }
}

class Extent implements Accumulator {
  least = Infinity;
  greatest = -Infinity;
  static load(saved: [number, number] | null): Extent {
    const [least, greatest] = saved ?? [Infinity, -Infinity];
    return Object.assign(new Extent(), { least, greatest });
  }
  add(value: unknown): void {
    if (typeof value !== 'number') return;
    this.least = Math.min(this.least, value);
    this.greatest = Math.max(this.greatest, value);
  }
  merge(other: Extent): void {
    this.least = Math.min(this.least, other.least);
    this.greatest = Math.max(this.greatest, other.greatest);
  }
  save(): unknown {
    return this.least > this.greatest ? null : [this.least, this.greatest];
  }
}

/** Welford (1962); merged after Chan, Golub and LeVeque (1979). */
class Moments implements Accumulator {
  n = 0;
  mean = 0;
  m2 = 0;
  static load([n, mean, m2]: [number, number, number]): Moments {
    return Object.assign(new Moments(), { n, mean, m2 });
  }
  add(value: unknown): void {
    if (typeof value !== 'number') return;
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
  save(): unknown {
    return [this.n, this.mean, this.m2];
  }
}

class Share implements Accumulator {
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
  save(): unknown {
    return [this.n, this.hits];
  }
}

const ACCUMULATORS: Record<Aggregate['fn'], AccumulatorClass> = {
  count: Count,
  sum: Sum,
  mean: Sum,
  min: Least,
  max: Greatest,
  range: Extent,
  variance: Moments,
  first: First,
  last: Last,
  share: Share,
  distinct: Distinct,
  quantile: Quantiles,
  top: Top,
  sumDecimal: DecimalSum,
  maxDecimal: DecimalGreatest,
};

function result(aggregate: Aggregate, accumulator: Accumulator): unknown {
  switch (aggregate.fn) {
    case 'count':
      return (accumulator as Count).n;
    case 'sum': {
      const { n, sum } = accumulator as Sum;
      return n === 0 ? null : sum;
    }
    case 'mean': {
      const { n, sum } = accumulator as Sum;
      return n === 0 ? null : sum / n;
    }
    case 'variance': {
      const { n, m2 } = accumulator as Moments;
      return n === 0 ? null : m2 / n;
    }
    case 'share': {
      const { n, hits } = accumulator as Share;
      return n === 0 ? null : hits / n;
    }
    case 'quantile':
      return (accumulator as Quantiles).at(aggregate.q);
    case 'range': {
      const { least, greatest } = accumulator as Extent;
      return least > greatest ? null : greatest - least;
    }
    case 'top':
      return (accumulator as Top).ranked(aggregate.k);
    case 'distinct':
      return (accumulator as Distinct).estimate();
    case 'sumDecimal':
    case 'maxDecimal':
      return accumulator.save();
    default:
      return (accumulator as Least | Greatest | First | Last).value;
  }
}

/** The aggregates of a window, compiled. Those that can be had from one accumulator share it, as mean and sum do, or several quantiles. */
export interface Aggregation {
  /** One for each accumulator. */
  readonly inputs: readonly Evaluate[];
  start(): Accumulator[];
  load(saved: readonly unknown[]): Accumulator[];
  results(accumulators: readonly Accumulator[]): Record<string, unknown>;
}

/** What cannot be added must show before anything of its record is. */
function compileInput(kind: AccumulatorClass, input: Expression | undefined): Evaluate {
  if (input === undefined) return () => null;
  const evaluate = compileExpression(input);
  return kind === DecimalSum || kind === DecimalGreatest ? (value) => decimalOf(evaluate(value)) : evaluate;
}

export function compileAggregates(aggregates: Readonly<Record<string, Aggregate>>): Aggregation {
  const kinds: AccumulatorClass[] = [];
  const inputs: Evaluate[] = [];
  const shared = new Map<string, number>();
  const columns = Object.entries(aggregates).map(([name, aggregate]) => {
    const kind = ACCUMULATORS[aggregate.fn];
    const input = 'input' in aggregate ? aggregate.input : undefined;
    const sharing = `${kind.name} ${JSON.stringify(input)}`;
    let index = shared.get(sharing);
    if (index === undefined) {
      index = kinds.length;
      shared.set(sharing, index);
      kinds.push(kind);
      inputs.push(compileInput(kind, input));
    }
    return { name, aggregate, index };
  });
  return {
    inputs,
    start: () => kinds.map((Kind) => new Kind()),
    load: (saved) => kinds.map((kind, i) => kind.load(saved[i] as never)),
    results: (accumulators) =>
      Object.fromEntries(columns.map(({ name, aggregate, index }) => [name, result(aggregate, accumulators[index]!)])),
  };
}
