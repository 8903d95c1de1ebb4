import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Account } from '../../contract/index.ts';
import { type PlaybackOptions, playToFile } from '../playback/index.ts';
import { type Oddities, type TransactionLine, type TransactionOptions, transactions } from './transactions.ts';

export { type Theft, type TransactionLine, type TransactionOptions, transactions } from './transactions.ts';

export type TransactionsOptions = Omit<TransactionOptions, 'startAt'> &
  PlaybackOptions & {
    /** Where the accounts are written before the first transaction, as a JSON list. */
    readonly accountsFile?: string;
  };

/** What was really written. */
export interface FinanceTruth extends Readonly<Oddities> {
  readonly transactions: number;
  readonly malformed: number;
}

/** Writes a bank's transactions to a file, live, until closed: one JSON object a line. */
export function startTransactions(options: TransactionsOptions): {
  truth(): FinanceTruth;
  accounts(): readonly Account[];
  close(): Promise<void>;
} {
  const { accounts, lines, oddities } = transactions({ ...options, startAt: (options.now ?? Date.now)() });
  if (options.accountsFile !== undefined) {
    mkdirSync(dirname(options.accountsFile), { recursive: true });
    writeFileSync(options.accountsFile, `${JSON.stringify(accounts, undefined, 1)}\n`);
  }
  const written = { transactions: 0, malformed: 0 };
  // A line counts when the next is asked for: only then is it on its way to the file.
  function* counted(): Generator<TransactionLine> {
    for (const line of lines) {
      yield line;
      written[line.malformed ? 'malformed' : 'transactions']++;
    }
  }
  const playback = playToFile(counted(), options);
  return {
    truth: () => ({ ...written, thefts: [...oddities.thefts], outliers: [...oddities.outliers] }),
    accounts: () => accounts,
    close: () => playback.close(),
  };
}
