import { expect, test } from 'vitest';
import { Balance, EnrichedTransaction, Episode, type Transaction, TransactionWindow } from '../../contract/index.ts';
import { compile } from '../../streams/core/index.ts';
import { Bench } from '../../streams/testing/index.ts';
import { episodes } from './episodes.ts';
import { finance } from './finance.ts';

const T = Date.UTC(2026, 10, 2, 12);

function setUp() {
  const bench = new Bench([finance, episodes].flatMap(compile));
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
  /** Balances told since the last call. */
  const balances = () => bench.take<Balance>('finance.balances').map((row) => Balance.parse(row));
  const know = (segment: string, second: number) => {
    const account = { id: 'acc-1', currency: 'EUR', country: 'DE', segment };
    bench.send('accounts', account, { key: 'acc-1', appendedAt: T + second * 1_000 });
  };
  return { bench, pay, balances, know };
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

test('a balance is exact to the last digit, and each transaction leads to the next version of it', () => {
  const { pay, balances } = setUp();
  pay(1, '-3000.00', { type: 'salary' });
  pay(2, '0.10');
  pay(3, '0.20');
  pay(4, '12345678901234567.00000001');
  expect(balances().map(({ balance, version, ts }) => [balance, version, (ts - T) / 1_000])).toEqual([
    ['3000', 1, 1],
    ['2999.9', 2, 2],
    ['2999.7', 3, 3],
    ['-12345678901231567.30000001', 4, 4],
  ]);
});

test('each currency of an account has a balance of its own', () => {
  const { pay, balances } = setUp();
  pay(1, '10');
  pay(2, '1000', { currency: 'JPY' });
  expect(balances().map(({ account, currency, balance }) => [account, currency, balance])).toEqual([
    ['acc-1', 'EUR', '-10'],
    ['acc-1', 'JPY', '-1000'],
  ]);
});

test('a transaction that is sent again counts once, also by a task that took over', () => {
  const { bench, pay, balances } = setUp();
  pay(1, '10', { id: 'a' });
  pay(2, '5', { id: 'b' });
  bench.restart();
  pay(3, '10', { id: 'a' });
  pay(4, '1', { id: 'c' });
  expect(balances().map(({ transaction, balance, version }) => [transaction, balance, version])).toEqual([
    ['a', '-10', 1],
    ['b', '-15', 2],
    ['c', '-16', 3],
  ]);
});

test('a transaction that comes late is in the balance, whose time does not go back', () => {
  const { pay, balances } = setUp();
  pay(86_400, '10');
  pay(1, '5');
  expect(balances().map(({ balance, ts }) => [balance, (ts - T) / 1_000])).toEqual([
    ['-10', 86_400],
    ['-15', 86_400],
  ]);
});

test('card payments that come too fast are one episode of their account, with an end', () => {
  const { bench, pay } = setUp();
  // One a second for half a minute; four other accounts as people are.
  for (let second = 0; second < 90; second++) {
    if (second >= 20 && second < 50) pay(second, '9.90', { account: 'stolen' });
    if (second % 3 === 0) for (const account of ['acc-2', 'acc-3', 'acc-4', 'acc-5']) pay(second, '20', { account });
    bench.tick(T + second * 1_000);
  }
  for (let second = 90; second < 130; second++) bench.tick(T + second * 1_000);
  const told = bench.take<Episode>('episodes').map((row) => Episode.parse(row));
  expect(new Set(told.map(({ series, windowStart }) => `${series} ${(windowStart - T) / 1_000}`))).toEqual(
    new Set(['payment-velocity/stolen 20']),
  );
  expect(told[0]).toMatchObject({ early: true, most: 10 });
  expect(told.map(({ early }) => early).indexOf(false)).toBe(told.length - 1);
  expect(told.at(-1)).toMatchObject({ until: T + 50_000, most: 10, count: 5, peak: null });
});

test('salaries and transfers are not counted as payments by card', () => {
  const { bench, pay } = setUp();
  for (let i = 0; i < 30; i++) pay(i / 5, '1', { type: i % 2 ? 'transfer' : 'direct-debit' });
  pay(30, '1');
  expect(bench.take('breaches')).toEqual([]);
});

test('a transaction is enriched with what was known of its account at its own time', () => {
  const { bench, pay, know } = setUp();
  know('student', 0);
  know('premium', 100);
  pay(50, '1');
  pay(150, '2');
  pay(160, '3', { account: 'acc-9' });
  const enriched = bench
    .take<EnrichedTransaction>('finance.transactions.enriched')
    .map((row) => EnrichedTransaction.parse(row));
  expect(enriched.map(({ amount, accountInfo }) => [amount, accountInfo?.segment])).toEqual([
    ['1', 'student'],
    ['2', 'premium'],
    ['3', undefined],
  ]);
  expect(enriched[2]!.accountInfo).toBeNull();
});

test('one from before its account was known gets what became known first, and says so', () => {
  const { bench, pay, know } = setUp();
  know('student', 100);
  pay(50, '1');
  const [row] = bench.take<EnrichedTransaction>('finance.transactions.enriched');
  expect(EnrichedTransaction.parse(row)).toMatchObject({
    accountInfo: { segment: 'student' },
    accountInfoFromLater: true,
  });
});
