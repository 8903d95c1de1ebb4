import { chosen, from, keep, overTime, pipe, rate, summedUp, tagValues } from '../flux.ts';
import type { Dashboard } from '../spec.ts';
import { alertMarks, anomalyMarks, anomalyTable, episodes } from './common.ts';

const WINDOWS = 'finance.transactions.1m';
const ofCurrency = chosen('currency');
const ofAccount = chosen('account');

export const finance: Dashboard = {
  uid: 'headwater-finance',
  title: 'Finance and fraud',
  folder: 'results',
  description:
    'How much money moves, on which accounts, and which payments look like fraud. Amounts of different currencies are never added up.',
  from: 'now-6h',
  variables: [
    { name: 'currency', label: 'Currency', query: tagValues('results', WINDOWS, 'currency') },
    { name: 'account', label: 'Account', query: tagValues('results', WINDOWS, 'account', [ofCurrency]) },
  ],
  annotations: [anomalyMarks('r.source == "amounts"'), alertMarks],
  rows: [
    {
      title: 'All accounts',
      panels: [
        {
          title: 'Transactions',
          description: 'Transactions for each second, by currency.',
          kind: 'lines',
          queries: [
            pipe(
              from({ bucket: 'long', measurement: WINDOWS, fields: ['count'] }),
              rate,
              summedUp('1m', ['currency']),
              overTime('mean', ['currency']),
            ),
          ],
          unit: 'cps',
          min: 0,
          legend: '${__field.labels.currency}',
          stacked: true,
        },
        {
          title: 'Paid in $currency',
          description:
            'What accounts paid, less what they got, in the currency chosen above, summed over each step of the chart. Charts count with floating-point numbers; the exact sums are in sumExact and in finance.balances.',
          kind: 'lines',
          queries: [
            pipe(
              from({ bucket: 'long', measurement: WINDOWS, fields: ['sum'], where: [ofCurrency] }),
              overTime('sum', ['currency']),
            ),
          ],
          unit: 'short',
          decimals: 2,
          legend: '${__field.labels.currency}',
        },
        {
          title: 'Accounts with the largest payments in $currency',
          description:
            'The twenty accounts with the largest single payment in this time. A click shows the account below.',
          kind: 'table',
          queries: [
            pipe(
              from({ measurement: WINDOWS, fields: ['max'], where: [ofCurrency] }),
              'group(columns: ["account", "currency"])',
              'max()',
              'group()',
              'sort(columns: ["_value"], desc: true)',
              'limit(n: 20)',
              'rename(columns: {_time: "time", _value: "amount"})',
              keep('time', 'account', 'currency', 'amount'),
            ),
          ],
          columns: {
            time: { title: 'Minute' },
            account: {
              title: 'Account',
              link: { to: 'headwater-finance', variables: { account: 'Account', currency: 'Currency' } },
            },
            currency: { title: 'Currency' },
            amount: { title: 'Amount' },
          },
        },
        {
          title: 'Busiest accounts',
          description: 'The twenty accounts with the most transactions in this time.',
          kind: 'bars',
          queries: [
            pipe(
              from({ bucket: 'long', measurement: WINDOWS, fields: ['count'], where: [ofCurrency] }),
              'group(columns: ["account"])',
              'sum()',
              'group()',
              'sort(columns: ["_value"], desc: true)',
              'limit(n: 20)',
              'rename(columns: {_value: "transactions"})',
              keep('account', 'transactions'),
            ),
          ],
          unit: 'short',
        },
      ],
    },
    {
      title: 'One account: $account',
      panels: [
        {
          title: 'Transactions of $account',
          description: 'How many transactions the account had in each step of the chart.',
          kind: 'lines',
          queries: [
            pipe(
              from({ bucket: 'long', measurement: WINDOWS, fields: ['count'], where: [ofAccount, ofCurrency] }),
              overTime('sum'),
            ),
          ],
          unit: 'short',
          min: 0,
          decimals: 0,
          legend: 'transactions',
        },
        {
          title: 'Amounts of $account',
          description: 'The sum of what it paid in each step of the chart, and its largest single payment.',
          kind: 'lines',
          queries: (
            [
              ['sum', 'sum'],
              ['max', 'largest'],
            ] as const
          ).map(([fn, name]) =>
            pipe(
              from({ bucket: 'long', measurement: WINDOWS, fields: [fn], where: [ofAccount, ofCurrency] }),
              overTime(fn),
              `map(fn: (r) => ({r with _field: "${name}"}))`,
            ),
          ),
          unit: 'short',
          decimals: 2,
        },
      ],
    },
    {
      title: 'What looks like fraud',
      panels: [
        episodes(
          'Payments too fast',
          'Accounts that paid by card more often within ten seconds than people do: a stolen card, or its number.',
          ['payment-velocity'],
          'most',
        ),
        anomalyTable('r.source == "amounts"'),
      ],
    },
  ],
};
