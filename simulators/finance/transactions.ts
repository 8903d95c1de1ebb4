import type { Account, Transaction } from '../../contract/index.ts';
import type { TimedLine } from '../playback/index.ts';
import { type Random, seeded } from '../random/index.ts';
import { economy } from './economy.ts';

export interface TransactionOptions {
  readonly seed: number;
  readonly ratePerSecond: number;
  /** When the first transaction may come, ms since the epoch. */
  readonly startAt: number;
  /** 200 unless given. */
  readonly accounts?: number;
  /** Share of lines that hold no valid transaction; 0.001 unless given. */
  readonly malformedShare?: number;
  /** Share of amounts 20 to 100 times too large; 0.0005 unless given. */
  readonly outlierShare?: number;
  /** Mean time between two thefts, 4 min unless given. */
  readonly meanTheftMs?: number;
}

export interface TransactionLine extends TimedLine {
  readonly malformed: boolean;
}

/** A stolen card: a burst of growing payments of one account. Entered when it begins, with all the payments it will have. */
export interface Theft {
  readonly account: string;
  readonly from: number;
  readonly to: number;
  readonly ids: readonly string[];
}

/** A thief is in a hurry. */
const MEAN_THEFT_GAP_MS = 1_200;

/** What is out of the ordinary, added as it happens. */
export interface Oddities {
  readonly thefts: Theft[];
  readonly outliers: string[];
}

/** A bank's transactions in JSON, in the order of their times. The same options give the same lines. */
export function transactions(options: TransactionOptions): {
  accounts: readonly Account[];
  lines: Generator<TransactionLine, never>;
  oddities: Oddities;
} {
  const { seed, ratePerSecond, startAt, accounts = 200, malformedShare = 0.001 } = options;
  const { outlierShare = 0.0005, meanTheftMs = 240_000 } = options;
  const random = seeded(seed);
  const bank = economy(random, accounts);
  const oddities: Oddities = { thefts: [], outliers: [] };
  let count = 0;
  const nextId = () => `tx-${seed}-${++count}`;
  return { accounts: bank.accounts, lines: generate(), oddities };

  function* generate(): Generator<TransactionLine, never> {
    let at = startAt;
    let theftAt = startAt + random.exponential(meanTheftMs);
    let stolen: Transaction[] = [];
    for (;;) {
      at += random.exponential(1000 / ratePerSecond);
      if (at >= theftAt) {
        stolen = theft(theftAt);
        theftAt = stolen.at(-1)!.ts + random.exponential(meanTheftMs);
      }
      for (; stolen.length > 0 && stolen[0]!.ts <= at; stolen = stolen.slice(1))
        yield line(stolen[0]!.ts, stolen[0]!, false);
      const ordinary = bank.transaction(nextId(), at);
      const isOutlier = random.chance(outlierShare);
      if (isOutlier) oddities.outliers.push(ordinary.id);
      const transaction = isOutlier ? bank.enlarged(ordinary, random.between(20, 100)) : ordinary;
      yield line(at, transaction, !isOutlier && random.chance(malformedShare));
    }
  }

  function theft(from: number): Transaction[] {
    const account = random.pick(bank.accounts);
    let at = from;
    let euros = random.between(1, 5);
    const payments: Transaction[] = [];
    for (let left = random.between(5, 15); left > 0; left--) {
      payments.push(bank.theft(nextId(), at, account, euros));
      at += random.exponential(MEAN_THEFT_GAP_MS);
      euros *= 1.5 + random.uniform();
    }
    const { ts: to } = payments.at(-1) as Transaction;
    oddities.thefts.push({ account: account.id, from: Math.floor(from), to, ids: payments.map(({ id }) => id) });
    return payments;
  }

  function line(at: number, transaction: Transaction, malformed: boolean): TransactionLine {
    return { at, bytes: Buffer.from(malformed ? spoilt(random, transaction) : JSON.stringify(transaction)), malformed };
  }
}

/** A line that is not a valid transaction. */
function spoilt(random: Random, transaction: Transaction): string {
  const { account: _, ...unowned } = transaction;
  return random.pick([
    JSON.stringify(transaction).slice(0, 50),
    JSON.stringify(unowned),
    JSON.stringify({ ...transaction, amount: Number(transaction.amount) }),
    JSON.stringify({ ...transaction, currency: 'euro' }),
    JSON.stringify({ ...transaction, ts: new Date(transaction.ts).toISOString() }),
  ]);
}
