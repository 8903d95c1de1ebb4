import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { linearRegression, mean } from 'simple-statistics';
import { describe, expect, test, vi } from 'vitest';
import { Account, Transaction } from '../../contract/index.ts';
import { startTransactions, transactions } from './index.ts';

const START = Date.UTC(2025, 5, 1, 12);

function take(count: number, more: Partial<Parameters<typeof transactions>[0]> = {}) {
  const { lines, accounts, oddities } = transactions({ seed: 4, ratePerSecond: 20, startAt: START, ...more });
  const taken = Array.from({ length: count }, () => lines.next().value);
  const valid = taken
    .filter((line) => !line.malformed)
    .map((line) => Transaction.parse(JSON.parse(line.bytes.toString())));
  return { taken, valid, accounts, oddities };
}

function isTransaction(bytes: Buffer): boolean {
  try {
    return Transaction.safeParse(JSON.parse(bytes.toString())).success;
  } catch {
    return false;
  }
}

describe('transactions', () => {
  test('are the same for the same seed, in the order of time, each with its own id', () => {
    const { taken, valid } = take(1_000);
    expect(take(1_000).taken).toEqual(taken);
    expect(taken.every((line, i) => i === 0 || line.at >= taken[i - 1]!.at)).toBe(true);
    expect(new Set(valid.map((t) => t.id)).size).toBe(valid.length);
  });

  test('are valid but for the malformed share', () => {
    const { taken } = take(10_000, { malformedShare: 0.05 });
    const malformed = taken.filter((line) => line.malformed);
    expect(malformed.length / taken.length).toBeCloseTo(0.05, 1);
    expect(malformed.some((line) => isTransaction(line.bytes))).toBe(false);
  });

  test('belong to accounts that are valid, in their currency and with its decimals', () => {
    const { valid, accounts } = take(5_000);
    const currencies = new Map(accounts.map((account) => [Account.parse(account).id, account.currency]));
    expect(new Set(currencies.values()).size).toBeGreaterThan(4);
    for (const { account, currency, amount } of valid) {
      expect(currency).toBe(currencies.get(account));
      expect(amount).toMatch(currency === 'JPY' ? /^-?\d+$/ : /^-?\d+\.\d{2}$/);
      expect(Number(amount)).not.toBe(0);
    }
  });

  test('have leading digits by Benford’s law, as amounts over several powers of ten do', () => {
    const counts = new Array<number>(10).fill(0);
    const { valid } = take(30_000);
    for (const { amount } of valid) counts[Number(/[1-9]/.exec(amount)![0])]!++;
    for (let digit = 1; digit <= 9; digit++)
      expect(Math.abs(counts[digit]! / valid.length - Math.log10(1 + 1 / digit))).toBeLessThan(0.04);
  });

  test('go to few counterparties often and to most seldom', () => {
    const counts = new Map<string, number>();
    for (const { type, counterparty } of take(60_000).valid)
      if (type === 'card' && counterparty.startsWith('Grocer'))
        counts.set(counterparty, (counts.get(counterparty) ?? 0) + 1);
    const ranked = [...counts.values()].sort((a, b) => b - a).slice(0, 40);
    const { m } = linearRegression(ranked.map((count, rank) => [Math.log(rank + 1), Math.log(count)]));
    expect(m).toBeCloseTo(-1, 0.5);
  });

  test('pay salaries into accounts and take standing orders of the same amount again and again', () => {
    const { valid } = take(60_000, { accounts: 20, outlierShare: 0 });
    expect(valid.filter((t) => t.type === 'salary').every((t) => Number(t.amount) < 0)).toBe(true);
    const orders = new Map<string, Set<string>>();
    for (const { type, account, counterparty, amount } of valid) {
      if (type !== 'direct-debit') continue;
      const key = `${account}/${counterparty}`;
      orders.set(key, (orders.get(key) ?? new Set()).add(amount));
    }
    expect(mean([...orders.values()].map((amounts) => amounts.size))).toBe(1);
  });

  test('hold the thefts and outliers that the truth names', () => {
    const { valid, oddities } = take(40_000, { outlierShare: 0.001, meanTheftMs: 60_000 });
    const byId = new Map(valid.map((t) => [t.id, t]));
    expect(oddities.thefts.length).toBeGreaterThan(10);
    for (const { account, ids, from, to } of oddities.thefts.slice(0, -1)) {
      for (const id of ids) {
        expect(byId.get(id)).toMatchObject({ account, type: 'card' });
        expect(byId.get(id)!.ts).toBeGreaterThanOrEqual(from);
        expect(byId.get(id)!.ts).toBeLessThanOrEqual(to);
      }
    }
    expect(oddities.outliers.length / valid.length).toBeCloseTo(0.001, 3);
    expect(oddities.outliers.every((id) => byId.has(id))).toBe(true);
  });
});

test('the live file holds what its truth says, and the accounts are written beside it', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-finance-'));
  const [file, accountsFile] = [join(dir, 'transactions.jsonl'), join(dir, 'accounts.json')];
  let time = START;
  const bank = startTransactions({
    file,
    accountsFile,
    seed: 1,
    ratePerSecond: 100,
    malformedShare: 0.1,
    now: () => time,
  });
  time += 5_000;
  await vi.waitFor(() => expect(readFileSync(file).length).toBeGreaterThan(0));
  await bank.close();
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  const written = bank.truth();
  expect(JSON.parse(readFileSync(accountsFile, 'utf8'))).toEqual(bank.accounts());
  rmSync(dir, { recursive: true });
  expect(lines).toHaveLength(written.transactions + written.malformed);
  expect(lines.filter((line) => isTransaction(Buffer.from(line)))).toHaveLength(written.transactions);
});
