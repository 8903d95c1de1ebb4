import { expect, test } from 'vitest';
import { TOPICS, topic } from '../../../contract/index.ts';
import {
  compile,
  count,
  distinct,
  field,
  from,
  gt,
  job,
  last,
  max,
  mean,
  sumDecimal,
  top,
} from '../../../streams/core/index.ts';
import { Bench } from '../../../streams/testing/index.ts';
import { linesOf } from './lines.ts';
import { ownMeasurements } from './own.ts';

const T = Date.UTC(2026, 0, 1, 12);

/** The lines of what a job puts out after these payments, a second apart. */
function linesAfter(
  of: ReturnType<typeof job>,
  payments: readonly { amount: string; country: string; day?: number }[],
) {
  const bench = new Bench(compile(of));
  for (const [i, payment] of payments.entries()) {
    const ts = T + i * 1_000;
    const value = { id: `t-${i}`, account: 'a 1', currency: 'CHF', type: 'card', counterparty: 'x', ...payment, ts };
    bench.send('finance.transactions', value, { key: 'a 1', appendedAt: ts });
  }
  for (let second = 11; second <= 300; second++) bench.tick(T + second * 1_000);
  return ownMeasurements([of]).flatMap((measurement) =>
    bench.take<Record<string, unknown>>(measurement.name).flatMap((row) => linesOf(measurement)(row)),
  );
}

const payments = from(TOPICS.transactions, { trusted: true });
const country = field('country');

test('windows of an own job are points: what a series is called by are tags, each column has one type for ever', () => {
  const of = job(
    'spent',
    payments.windows({
      by: { country, account: field('account') },
      sizes: [{ ms: 10_000, to: topic('own.spent', 'series', 'What was spent') }],
      select: {
        count: count(),
        kinds: distinct(field('type')),
        sum: sumDecimal(field('amount')),
        'to.last': last(field('counterparty')),
        lastAt: last(field('ts')),
        usual: top(field('type'), 3),
      },
      derive: { busy: gt(field('count'), 1) },
    }),
  );
  const [line, ...more] = linesAfter(of, [
    { amount: '10.00', country: 'CH' },
    { amount: '0.10', country: 'CH' },
  ]);
  expect(line).toMatchObject({ bucket: 'results', measurement: 'own.spent' });
  expect(line!.text).toBe(
    `own.spent,account=a\\ 1,country=CH revision=0i,count=2i,kinds=1i,sum=10.1,sumExact="10.1",to.lastText="x",lastAt=${T + 1_000},busyBoolean=true ${T}`,
  );
  expect(more).toEqual([]);
});

test('a series may be called by a number or a truth, and a session says how long it is and what became of it', () => {
  const of = job(
    'visits',
    payments.windows({
      by: { ended: gt(field('ts'), 5), day: field('day') },
      sizes: [{ gapMs: 30_000, to: topic('own.visits', 'series', 'Payments that follow one another') }],
      select: { count: count(), most: max(field('ts')), usual: mean(field('nothing')) },
    }),
  );
  const lines = linesAfter(of, [{ amount: '9', country: 'CH', day: 7 }]);
  expect(lines.map(({ text }) => text)).toEqual([
    `own.visits,day=7,ended=true revision=0i,windowEnd=${T + 30_000}i,count=1i,most=${T} ${T}`,
  ]);
});

test('windows that go to the catalogue are stored as it says, and other results of own jobs are not stored', () => {
  const other = topic('own.copies', 'account', 'Payments again');
  expect(ownMeasurements([job('copies', payments.into(other))])).toEqual([]);
  const sizes = [{ ms: 10_000, to: TOPICS.transactions10s }];
  expect(ownMeasurements([job('more', payments.windows({ by: { country }, sizes, select: { n: count() } }))])).toEqual(
    [],
  );
});
