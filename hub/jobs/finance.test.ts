import { expect, test } from 'vitest';
import { type Transaction, TransactionWindow } from '../../contract/index.ts';
import { compile } from '../../streams/core/index.ts';
import { Bench } from '../../streams/testing/index.ts';
import { finance } from './finance.ts';

const T = Date.UTC(2026, 10, 2, 12);

function setUp() {
  const bench = new Bench(compile(finance));
  let n = 0;
  const pay = (second: number, amount: string, more: Partial<Transaction> = {}) => {
    n += 1;
    const ts = T + second * 1_000;
    const transaction = {
      id: `t-${n}`,
      account: 'acc-1',
      counterparty: 'shop',
      amount,
      currency: 'EUR',
      type: 'card',
      ts,
      ...more,
    };
    bench.send('finance.transactions', transaction, { key: transaction.account });
  };
  return { bench, pay };
}

test('transactions are added up by account to the cent', () => {
  const { bench, pay } = setUp();
  for (const amount of ['0.10', '0.20', '1234567890123.07', '-0.30']) pay(2, amount);
  pay(63, '1');
  const row = {
    series: 'acc-1/EUR',
    account: 'acc-1',
    currency: 'EUR',
    windowStart: T,
    revision: 0,
    count: 4,
    sum: '1234567890123.07',
    max: '1234567890123.07',
  };
  expect(bench.take<TransactionWindow>('finance.transactions.10s').map((r) => TransactionWindow.parse(r))).toEqual([
    { ...row, windowEnd: T + 10_000 },
  ]);
  expect(bench.take('finance.transactions.1m')).toEqual([{ ...row, windowEnd: T + 60_000 }]);
});

test('amounts of different currencies are not added up', () => {
  const { bench, pay } = setUp();
  pay(1, '10');
  pay(2, '1000', { currency: 'JPY' });
  pay(13, '1');
  expect(bench.take<TransactionWindow>('finance.transactions.10s').map(({ series, sum }) => [series, sum])).toEqual([
    ['acc-1/EUR', '10'],
    ['acc-1/JPY', '1000'],
  ]);
});

test('an amount that is no decimal number becomes a dead letter', () => {
  const { bench, pay } = setUp();
  pay(1, '12,50');
  expect(bench.take('dead-letters')).toMatchObject([{ code: 'INVALID', reason: expect.stringContaining('amount') }]);
});
