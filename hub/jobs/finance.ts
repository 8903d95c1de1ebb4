import { TOPICS, type Transaction } from '../../contract/index.ts';
import { count, field, from, job, maxDecimal, sumDecimal } from '../../streams/core/index.ts';

const transaction = field<Transaction>;

/** Transactions by account, in windows of 10 s and 1 min. Amounts of different currencies are never added up. */
export const finance = job(
  'finance',
  from<Transaction>(TOPICS.transactions).windows({
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
  }),
);
