import {
  type Accumulator,
  type AccumulatorClass,
  Count,
  Extent,
  Greatest,
  Least,
  Moments,
  Share,
  Sum,
} from './accumulators.ts';
import type { Aggregate } from './aggregates.ts';
import { DecimalGreatest, DecimalSum, decimalOf } from './decimals.ts';
import { Distinct } from './distinct.ts';
import { compileExpression, type Evaluate, type Expression } from './expressions.ts';
import { First, Last } from './first-last.ts';
import { Quantiles } from './quantiles.ts';
import { Top } from './top.ts';

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
  /** Of the accumulators, one for each of the inputs. */
  readonly kinds: readonly AccumulatorClass[];
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
    kinds,
    inputs,
    start: () => kinds.map((Kind) => new Kind()),
    load: (saved) => kinds.map((kind, i) => kind.load(saved[i] as never)),
    results: (accumulators) =>
      Object.fromEntries(columns.map(({ name, aggregate, index }) => [name, result(aggregate, accumulators[index]!)])),
  };
}
