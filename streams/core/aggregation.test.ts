import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decimal } from '../../contract/index.ts';
import {
  type Aggregate,
  count,
  distinct,
  first,
  last,
  max,
  maxDecimal,
  mean,
  min,
  quantile,
  range,
  share,
  sum,
  sumDecimal,
  top,
  variance,
} from './aggregates.ts';
import { compileAggregates } from './aggregation.ts';
import { Distinct } from './distinct.ts';
import { field, gte } from './expressions.ts';
import { Quantiles } from './quantiles.ts';

const x = field('x');
const all: Record<string, Aggregate> = {
  count: count(),
  sum: sum(x),
  mean: mean(x),
  min: min(x),
  max: max(x),
  range: range(x),
  first: first(x),
  last: last(x),
  share: share(gte(x, 0)),
  different: distinct(x),
  often: top(field('ts'), 10),
  p50: quantile(x, 0.5),
  p99: quantile(x, 0.99),
  money: sumDecimal(field('amount')),
  most: maxDecimal(field('amount')),
};
const aggregation = compileAggregates(all);

interface Record_ {
  readonly x: number | null;
  readonly amount: string | null;
  readonly ts: number;
  readonly offset: number;
}
// Whole numbers, whose sums do not depend on the order.
const record: fc.Arbitrary<Record_> = fc.record({
  x: fc.option(
    fc.oneof(
      { weight: 9, arbitrary: fc.integer({ min: -1_000_000, max: 1_000_000 }) },
      // What an expression may come to, and JSON cannot hold.
      { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Infinity, -Infinity) },
    ),
  ),
  amount: fc.option(fc.integer({ min: -1_000_000, max: 1_000_000 }).map((cents) => (cents / 100).toFixed(2))),
  ts: fc.integer({ min: 0, max: 20 }),
  offset: fc.integer({ min: 0, max: 20 }),
});
const records = fc.array(record, { maxLength: 60 });

function collect(values: readonly Record_[], into = aggregation.start()) {
  for (const value of values) {
    for (const [i, accumulator] of into.entries())
      accumulator.add(aggregation.inputs[i]!(value), value.ts, value.offset);
  }
  return into;
}

test('the order of records does not matter', () => {
  fc.assert(
    fc.property(
      records.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
      ([list, shuffled]) => {
        expect(aggregation.results(collect(shuffled))).toEqual(aggregation.results(collect(list)));
      },
    ),
  );
});

const extreme = fc.constantFrom(
  0,
  -0,
  7,
  5e-324,
  -1e300,
  1e308,
  -1e308,
  Number.MAX_VALUE,
  Infinity,
  -Infinity,
  Number.NaN,
);

test.each(['sum', 'mean', 'variance', 'min', 'max', 'range', 'first', 'last', 'quantile'] as const)(
  'numbers beyond all bounds cost their own results at most, before and after a restart alike: %s',
  (name) => {
    const of = { sum, mean, variance, min, max, range, first, last, quantile: () => quantile(x, 0.5) }[name];
    const { load, results, start } = compileAggregates({ n: count(), result: of(x) });
    const add = (values: readonly number[], into = start()) => {
      for (const [ts, value] of values.entries()) for (const accumulator of into) accumulator.add(value, ts, 0);
      return into;
    };
    fc.assert(
      fc.property(fc.array(extreme), fc.array(extreme), (a, b) => {
        const saved = JSON.parse(JSON.stringify(add(a).map((accumulator) => accumulator.save())));
        const resumed = JSON.stringify(results(add(b, load(saved))));
        expect(resumed).toBe(JSON.stringify(results(add(b, add(a)))));
        if (!['sum', 'mean', 'variance', 'range'].includes(name) && [...a, ...b].some(Number.isFinite))
          expect(JSON.parse(resumed).result).not.toBe(null);
      }),
    );
  },
);

test('two merged are as one that was given the records of both', () => {
  fc.assert(
    fc.property(records, records, (a, b) => {
      const merged = collect(a);
      for (const [i, other] of collect(b).entries()) merged[i]!.merge(other);
      expect(aggregation.results(merged)).toEqual(aggregation.results(collect([...a, ...b])));
    }),
  );
});

test('one that was saved and loaded goes on as if nothing had happened', () => {
  fc.assert(
    fc.property(records, records, (a, b) => {
      const saved = JSON.parse(JSON.stringify(collect(a).map((accumulator) => accumulator.save())));
      const resumed = collect(b, aggregation.load(saved));
      expect(aggregation.results(resumed)).toEqual(aggregation.results(collect([...a, ...b])));
    }),
  );
});

test('quantiles are within 1 % of the true value', () => {
  const value = fc.double({ min: 0.001, max: 100_000, noNaN: true });
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 1, maxLength: 500 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (values, q) => {
        const { inputs, start, results } = compileAggregates({ at: quantile(x, q) });
        const accumulators = start();
        for (const value of values) accumulators[0]!.add(inputs[0]!({ x: value }), 0, 0);
        const truth = values.toSorted((a, b) => a - b)[Math.floor(q * (values.length - 1))]!;
        expect(Math.abs((results(accumulators).at as number) - truth)).toBeLessThanOrEqual(truth * 0.010001);
      },
    ),
  );
});

test('quantiles of values from the least to the greatest, of either sign, count each value once, in parts and after a restart', () => {
  const wide = fc.tuple(
    fc.integer({ min: -300, max: 300 }),
    fc.double({ min: 1, max: 9.9, noNaN: true }),
    fc.boolean(),
  );
  const value = fc.oneof(
    { weight: 9, arbitrary: wide.map(([power, of, minus]) => (minus ? -of : of) * 10 ** power) },
    { weight: 1, arbitrary: fc.constantFrom(0, Number.MAX_VALUE, -Number.MAX_VALUE) },
  );
  const values = fc.array(value, { maxLength: 40 });
  const of = (list: readonly number[], into = new Quantiles()) => {
    for (const one of list) into.add(one);
    return into;
  };
  fc.assert(
    fc.property(values, values, (a, b) => {
      const all = of([...a, ...b]);
      const [positive, negative, zeroes] = all.save() as [number[], number[], number];
      const counted = [...positive, ...negative].filter((_, i) => i % 2 === 1).reduce((sum, n) => sum + n, zeroes);
      expect(counted).toBe(a.length + b.length);
      expect(of(b, Quantiles.load(JSON.parse(JSON.stringify(of(a).save())))).save()).toEqual(all.save());
      const merged = of(a);
      merged.merge(of(b));
      expect(merged.save()).toEqual(all.save());
      const sorted = [...a, ...b].sort((x, y) => x - y);
      if (sorted.length === 0) return;
      const greatest = sorted.at(-1)!;
      if (greatest > 0 && greatest < 1e308) expect(Math.abs(all.at(1)! / greatest - 1)).toBeLessThanOrEqual(0.010_001);
    }),
    { numRuns: 300 },
  );
});

test('distinct values of parts are as many as of the whole, few or many', () => {
  const of = (from: number, to: number) => {
    const seen = new Distinct();
    for (let n = from; n < to; n++) seen.add(`value ${n}`);
    return seen;
  };
  for (const [a, b] of [
    [10, 20],
    [10, 900],
    [900, 910],
    [900, 1_900],
    [9_000, 9_010],
    [9_000, 20_000],
  ] as const) {
    for (const merged of [of(0, a), Distinct.load(JSON.parse(JSON.stringify(of(0, a).save())))]) {
      merged.merge(of(a >> 1, b));
      expect(merged.estimate()).toBe(of(0, b).estimate());
    }
  }
});

test('variance is that of the whole population, even far from zero', () => {
  const { inputs, start, results } = compileAggregates({ variance: variance(x) });
  const [a, b] = [start(), start()];
  for (const value of [4, 7, 13, 16]) a[0]!.add(inputs[0]!({ x: 1e9 + value }), 0, 0);
  for (const value of [2, 20]) b[0]!.add(inputs[0]!({ x: 1e9 + value }), 0, 0);
  expect(results(a).variance).toBeCloseTo(22.5, 6);
  a[0]!.merge(b[0]!);
  expect(results(a).variance).toBeCloseTo(42.2222, 3);
});

test('money is added exactly', () => {
  const { start, results } = compileAggregates({ sum: sumDecimal(x), max: maxDecimal(x) });
  const accumulators = start();
  for (const amount of ['0.1', '0.2', '999999999999999999.00000001', '-0.3'])
    for (const accumulator of accumulators) accumulator.add(amount, 0, 0);
  expect(results(accumulators)).toEqual({ sum: '999999999999999999.00000001', max: '999999999999999999.00000001' });
});

test('any amounts that the contract allows are added and compared to the last digit', () => {
  const places = 8;
  const amount = fc.tuple(
    fc.bigInt({ min: -(10n ** 26n) + 1n, max: 10n ** 26n - 1n }),
    fc.integer({ min: 0, max: places }),
  );
  /** With as many places as are asked for; what is behind them is cut off. */
  const textOf = (units: bigint, shown: number) => {
    const digits = String(units < 0n ? -units : units).padStart(places + 1, '0');
    const [whole, part] = [digits.slice(0, -places), digits.slice(-places).slice(0, shown)];
    return `${units < 0n ? '-' : ''}${whole}${part === '' ? '' : `.${part}`}`;
  };
  const unitsOf = (text: string) => {
    const [whole, part = ''] = text.replace('-', '').split('.');
    return BigInt(`${text.startsWith('-') ? '-' : ''}${whole}${part.padEnd(places, '0')}`);
  };
  const { inputs, start, results } = compileAggregates({ sum: sumDecimal(x), max: maxDecimal(x) });
  fc.assert(
    fc.property(fc.array(amount, { minLength: 1, maxLength: 50 }), (amounts) => {
      const texts = amounts.map(([units, shown]) => textOf(units, shown));
      for (const text of texts) expect(decimal.parse(text)).toBe(text);
      const accumulators = start();
      for (const text of texts) for (const [i, of] of accumulators.entries()) of.add(inputs[i]!({ x: text }), 0, 0);
      const all = texts.map(unitsOf);
      const found = results(accumulators) as { sum: string; max: string };
      expect(unitsOf(found.sum)).toBe(all.reduce((sum, units) => sum + units, 0n));
      expect(unitsOf(found.max)).toBe(all.reduce((most, units) => (units > most ? units : most)));
    }),
  );
});

test('what stands for more places than anyone has money is refused before it is added', () => {
  const [adds] = compileAggregates({ sum: sumDecimal(x) }).inputs;
  for (const amount of ['1e99999999', '-1e-99999999', `0.${'0'.repeat(2_000)}1`])
    expect(() => adds!({ x: amount })).toThrow(/more than 1000 places/);
  expect(adds!({ x: '1e100' })).not.toBe(null);
});

test('a window without a single value has nulls, not zeroes', () => {
  const empty = aggregation.results(collect([{ x: null, amount: null, ts: 1, offset: 1 }]));
  expect(empty).toMatchObject({
    count: 1,
    sum: null,
    mean: null,
    min: null,
    first: null,
    p50: null,
    money: null,
    share: 0,
  });
});

test('aggregates of the same input share what they collect', () => {
  const { inputs } = compileAggregates({ mean: mean(x), sum: sum(x), p50: quantile(x, 0.5), p99: quantile(x, 0.99) });
  expect(inputs).toHaveLength(2);
});

test('first and last go by event time, then by offset', () => {
  const { start, results } = compileAggregates({ first: first(x), last: last(x) });
  const accumulators = start();
  for (const [value, ts, offset] of [
    [5, 2, 7],
    [9, 2, 6],
    [1, 2, 8],
  ] as const)
    for (const accumulator of accumulators) accumulator.add(value, ts, offset);
  expect(results(accumulators)).toEqual({ first: 9, last: 1 });
});

test('what was saved before offsets were kept is older than all that follows', () => {
  const { load, results } = compileAggregates({ first: first(x), last: last(x) });
  const accumulators = load([
    [2, 5],
    [2, 5],
  ]);
  for (const accumulator of accumulators) accumulator.add(1, 2, 0);
  expect(results(accumulators)).toEqual({ first: 5, last: 1 });
});

test('variances of parts merge into that of the whole', () => {
  const value = fc.double({ min: -1e6, max: 1e6, noNaN: true });
  const { start, results } = compileAggregates({ variance: variance(x) });
  const of = (values: readonly number[]) => {
    const accumulators = start();
    for (const one of values) accumulators[0]!.add(one, 0, 0);
    return accumulators;
  };
  fc.assert(
    fc.property(fc.array(value, { minLength: 1 }), fc.array(value), (a, b) => {
      const merged = of(a);
      merged[0]!.merge(of(b)[0]!);
      const all = [...a, ...b];
      const mean = all.reduce((sum, one) => sum + one, 0) / all.length;
      const truth = all.reduce((sum, one) => sum + (one - mean) ** 2, 0) / all.length;
      expect(Math.abs((results(merged).variance as number) - truth)).toBeLessThanOrEqual(
        1e-9 * Math.max(1, truth) + 1e-3,
      );
    }),
  );
});

test('distinct values are estimated with a standard error of 1.6 %, and saved in 4 KB', () => {
  const { start, results } = compileAggregates({ different: distinct(x) });
  let squares = 0;
  let times = 0;
  for (const n of [10, 100, 500, 2_000, 20_000, 100_000]) {
    for (let seed = 0; seed < 10; seed++) {
      const accumulators = start();
      for (let i = 0; i < n; i++)
        for (let again = 0; again < 2; again++) accumulators[0]!.add(`${seed}-client-${i}`, 0, 0);
      const error = (results(accumulators).different as number) / n - 1;
      expect(Math.abs(error)).toBeLessThan(0.065);
      squares += error * error;
      times++;
      expect(JSON.stringify(accumulators[0]!.save()).length).toBeLessThan(4_200);
    }
  }
  expect(Math.sqrt(squares / times)).toBeLessThan(0.0165);
});
