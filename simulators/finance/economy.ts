import type { Account, Transaction } from '../../contract/index.ts';
import { type Random, weighted, zipf } from '../random/index.ts';

/** A currency by what one euro is worth in it, roughly, and its decimal places. */
interface Currency {
  readonly perEuro: number;
  readonly places: number;
}

const CURRENCIES: Readonly<Record<string, Currency>> = {
  EUR: { perEuro: 1, places: 2 },
  GBP: { perEuro: 0.87, places: 2 },
  USD: { perEuro: 1.16, places: 2 },
  CHF: { perEuro: 0.93, places: 2 },
  SEK: { perEuro: 11, places: 2 },
  PLN: { perEuro: 4.25, places: 2 },
  JPY: { perEuro: 178, places: 0 },
};

const COUNTRIES: readonly (readonly [country: readonly [code: string, currency: string], weight: number])[] = [
  [['DE', 'EUR'], 28],
  [['FR', 'EUR'], 17],
  [['GB', 'GBP'], 16],
  [['US', 'USD'], 15],
  [['PL', 'PLN'], 8],
  [['SE', 'SEK'], 6],
  [['CH', 'CHF'], 5],
  [['JP', 'JPY'], 5],
];

/** How much an account turns over, relative to the middle one. */
const SEGMENTS = { retail: 1, student: 0.5, premium: 3, business: 8 } as const;
const SEGMENT_WEIGHTS: readonly (readonly [segment: keyof typeof SEGMENTS, weight: number])[] = [
  ['retail', 70],
  ['student', 14],
  ['premium', 9],
  ['business', 7],
];

/** Where cards are used: share of payments, median in euros, and the spread of its logarithm. */
const CATEGORIES = [
  { name: 'Grocer', share: 34, median: 24, sigma: 0.8 },
  { name: 'Cafe', share: 22, median: 7, sigma: 0.5 },
  { name: 'Fuel', share: 12, median: 52, sigma: 0.4 },
  { name: 'Clothes', share: 11, median: 48, sigma: 0.9 },
  { name: 'Online', share: 15, median: 33, sigma: 1.1 },
  { name: 'Travel', share: 6, median: 190, sigma: 1 },
] as const;
const MERCHANTS_EACH = 60;

const TYPES: readonly (readonly [type: Transaction['type'], weight: number])[] = [
  ['card', 74],
  ['transfer', 11],
  ['direct-debit', 7],
  ['cash', 5],
  ['salary', 2],
  ['fee', 1],
];

/** What an account earns and owes again and again, in euros. */
interface Habits {
  readonly salary: { readonly employer: string; readonly euros: number };
  readonly standing: readonly { readonly counterparty: string; readonly euros: number }[];
}

export interface Economy {
  readonly accounts: readonly Account[];
  /** An ordinary transaction of some account. */
  transaction(id: string, at: number): Transaction;
  /** A card payment of this account at a place it never was before. */
  theft(id: string, at: number, account: Account, euros: number): Transaction;
  /** The same transaction with an amount that many times as large. */
  enlarged(transaction: Transaction, factor: number): Transaction;
}

/** Accounts with habits, and the merchants they meet: few are visited often, most seldom (Zipf). */
export function economy(random: Random, size: number): Economy {
  const anyCountry = weighted(random, COUNTRIES);
  const anySegment = weighted(random, SEGMENT_WEIGHTS);
  const accounts = Array.from({ length: size }, (_, index): Account => {
    const [country, currency] = anyCountry();
    return { id: `acc-${String(index + 1).padStart(5, '0')}`, currency, country, segment: anySegment() };
  });
  const habits = new Map(accounts.map((account) => [account, habitsOf(random, account, accounts)]));
  const merchants = CATEGORIES.map((category) => {
    const names = Array.from({ length: MERCHANTS_EACH }, (_, index) => `${category.name} ${index + 1}`);
    return [{ ...category, merchant: zipf(random, names) }, category.share] as const;
  });
  const anyCategory = weighted(random, merchants);
  const anyAccount = zipf(random, accounts, 0.5);
  const anyType = weighted(random, TYPES);
  const other = () => `Account ${random.pick(accounts).id}`;

  /** Counterparty and euros; negative where the account is paid. */
  const dealing = (type: Transaction['type'], account: Account): [counterparty: string, euros: number] => {
    const { salary, standing } = habits.get(account) as Habits;
    const means = meansOf(account);
    if (type === 'card') {
      const { merchant, median, sigma } = anyCategory();
      return [merchant(), random.logNormal(median, sigma) * means ** 0.5];
    }
    if (type === 'transfer') {
      const euros = random.logNormal(110, 1.2) * means;
      return [other(), random.chance(0.4) ? -euros : euros];
    }
    if (type === 'direct-debit') {
      const { counterparty, euros } = random.pick(standing);
      return [counterparty, euros];
    }
    if (type === 'cash') return ['Cash machine', 10 * random.between(1, 20)];
    if (type === 'salary') return [salary.employer, -salary.euros * (1 + 0.02 * random.normal())];
    return ['Bank', random.pick([0.5, 1.9, 4.9])];
  };

  return {
    accounts,
    transaction(id, at) {
      const account = anyAccount();
      const type = anyType();
      const [counterparty, euros] = dealing(type, account);
      return { ...base(id, at, account), counterparty, amount: money(euros, account.currency), type };
    },
    theft: (id, at, account, euros) => ({
      ...base(id, at, account),
      counterparty: `Shop ${random.between(100_000, 999_999)}`,
      amount: money(euros, account.currency),
      type: 'card',
    }),
    enlarged: (transaction, factor) => {
      const { places } = CURRENCIES[transaction.currency]!;
      return { ...transaction, amount: (Number(transaction.amount) * factor).toFixed(places) };
    },
  };
}

function base(id: string, at: number, account: Account) {
  return { id, account: account.id, currency: account.currency, ts: Math.floor(at) };
}

function meansOf(account: Account): number {
  return SEGMENTS[account.segment as keyof typeof SEGMENTS];
}

function habitsOf(random: Random, account: Account, accounts: readonly Account[]): Habits {
  const means = meansOf(account);
  const standing = [
    {
      counterparty: `Landlord ${random.between(1, Math.ceil(accounts.length / 4))}`,
      euros: random.logNormal(780, 0.35) * means ** 0.5,
    },
    { counterparty: `Energy ${random.between(1, 6)}`, euros: random.logNormal(95, 0.3) * means ** 0.5 },
    { counterparty: `Telecom ${random.between(1, 4)}`, euros: random.pick([9.99, 19.99, 29.99, 44.99]) },
  ];
  const salary = { employer: `Employer ${random.between(1, 40)}`, euros: random.logNormal(2_600, 0.4) * means };
  return { salary, standing };
}

/** An amount as the contract has it: a decimal string in the account's currency, at least its smallest coin. */
function money(euros: number, currency: string): string {
  const { perEuro, places } = CURRENCIES[currency]!;
  const coin = 10 ** -places;
  const size = Math.max(coin, Math.abs(euros) * perEuro);
  return `${euros < 0 ? '-' : ''}${size.toFixed(places)}`;
}
