import { TOPICS, type Transaction } from '../../contract/index.ts';
import {
  count,
  eq,
  type Flow,
  field,
  from,
  gt,
  job,
  literal,
  maxDecimal,
  type Plan,
  sumDecimal,
} from '../../streams/core/index.ts';
import { balances } from './balances.ts';

/** Card payments of one account in 10 s from which on they come too fast. */
const VELOCITY = 6;

const transaction = field<Transaction>;

/** Transactions by account, in windows of 10 s and 1 min. Amounts of different currencies are never added up. */
function byAccount(transactions: Flow<Transaction>): Plan {
  return transactions.windows({
    by: { account: transaction('account'), currency: transaction('currency') },
    sizes: [
      { ms: 10_000, to: TOPICS.transactions10s },
      { ms: 60_000, to: TOPICS.transactions1m },
    ],
    select: {
      count: count(),
      sum: sumDecimal(transaction('amount')),
      max: maxDecimal(transaction('amount')),
    },
    graceMs: 300_000,
  });
}

/** Windows in which an account paid by card more often than people do: a stolen card, or its number. */
function velocity(transactions: Flow<Transaction>): Plan {
  return transactions.filter(eq(transaction('type'), 'card')).windows({
    by: { kind: literal('payment-velocity'), subject: transaction('account') },
    sizes: [{ ms: 10_000, advanceMs: 5_000, to: TOPICS.breaches }],
    select: { count: count() },
    having: gt(field('count'), VELOCITY),
  });
}

const transactions = from<Transaction>(TOPICS.transactions);

/** All that is computed of transactions. */
export const finance = job('finance', [
  byAccount(transactions),
  velocity(transactions),
  balances(transactions),
  transactions.joinTable(TOPICS.accounts, 'accountInfo').into(TOPICS.transactionsEnriched),
]);
