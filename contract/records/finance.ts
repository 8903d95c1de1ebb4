import { z } from 'zod';
import { decimal, timestamp } from '../names.ts';

const accountId = z.string().min(1).max(64);
/** ISO 4217. */
const currency = z.string().regex(/^[A-Z]{3}$/);

export const Transaction = z.object({
  id: z.string().min(1).max(64),
  account: accountId,
  counterparty: z.string().max(128),
  /** Decimal string in the account's currency; what the account pays is positive. */
  amount: decimal,
  currency,
  type: z.enum(['card', 'transfer', 'direct-debit', 'cash', 'fee', 'salary']),
  ts: timestamp,
});
export type Transaction = z.infer<typeof Transaction>;

/** Reference data of an account. */
export const Account = z.object({ id: accountId, currency, country: z.string().length(2), segment: z.string() });
export type Account = z.infer<typeof Account>;

/** A transaction with what was known of its account at its time; null where the account was not known. */
export const EnrichedTransaction = Transaction.extend({
  accountInfo: Account.nullable(),
  /** Nothing was known of the account at the time; this is what became known first. */
  accountInfoFromLater: z.literal(true).optional(),
});
export type EnrichedTransaction = z.infer<typeof EnrichedTransaction>;

/**
 * What an account has in a currency, counted from the first transaction that the hub has seen: what it pays lowers it. The record with the highest `version`
 * of an account and currency counts.
 */
export const Balance = z.object({
  account: accountId,
  currency,
  balance: z.string().regex(/^-?\d+(\.\d+)?$/, 'must be a decimal number as a string'),
  /** How many transactions are in it. */
  version: z.int().min(1),
  /** The transaction that led to it. */
  transaction: z.string(),
  /** Time of the latest transaction in it. */
  ts: timestamp,
});
export type Balance = z.infer<typeof Balance>;
