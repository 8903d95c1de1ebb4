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
