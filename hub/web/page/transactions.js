// Transactions: how many, and how much of one account.
import { aligned, chart, withGaps } from './chart.js';
import { h, head, text } from './dom.js';
import { count, money, number, rate } from './format.js';
import { ask, refresher } from './stream.js';
import { table } from './table.js';

export function transactions(section, page) {
  let chosen;
  let currency = '';
  const empty = h(
    'p',
    { class: 'empty' },
    'No transactions yet. They come from the transaction generator or from your own producer.',
  );
  const full = h('div', { class: 'split' });
  const flow = h(
    'figure',
    {},
    h('figcaption', {}, 'Transactions a second, all accounts'),
    h('div', { class: 'chart' }),
  );
  const sumsOf = h('b');
  const sums = h('figure', {}, h('figcaption', {}, 'Sum by window of ', sumsOf), h('div', { class: 'chart' }));
  const accounts = table(
    'Busiest accounts of the last 5 minutes',
    [
      { name: 'Account', of: (a) => a.account },
      { name: 'Count', of: (a) => count(a.count) },
      { name: 'Sum', of: (a) => money(a.sum, a.currency) },
      { name: 'Largest', of: (a) => money(a.max, a.currency), wide: true },
    ],
    (a) => a.series,
    (a) => {
      chosen = a.series;
      load();
    },
  );
  const more = h('p', { class: 'quiet', hidden: true });
  head(section, 'Transactions');
  full.append(flow, sums);
  section.append(empty, full, accounts.node, more);

  const flowChart = chart(flow.lastChild, {
    lines: [{ label: 'all', colour: '--teal', width: 2 }],
    format: rate,
    zero: true,
  });
  const sumsChart = chart(sums.lastChild, {
    lines: [
      { label: 'sum', colour: '--blue', width: 2 },
      { label: 'largest', colour: '--purple', width: 1.5, dash: [2, 3] },
    ],
    format: (v) => `${number(v)} ${currency}`,
    zero: true,
  });

  const load = refresher(async () => {
    const { minutes } = page.state;
    const seen = await ask('transactions', { minutes, series: chosen });
    const { shown } = seen;
    empty.hidden = seen.start.length > 0;
    full.hidden = accounts.node.hidden = seen.start.length === 0;
    flowChart.set(aligned([withGaps(seen.start, seen.windowMs, [seen.perSecond])]), {
      minutes,
      label: `Transactions a second, last ${rate(seen.perSecond.at(-1) ?? 0)}`,
    });
    currency = shown.currency ?? '';
    text(sumsOf, shown.account ?? '');
    sumsChart.set(aligned([withGaps(shown.start, seen.windowMs, [shown.sum, shown.max])]), {
      minutes,
      label: `Sum by window of account ${shown.account}, last ${number(shown.sum.at(-1))} ${currency}`,
    });
    accounts.show(seen.accounts, shown.series);
    more.hidden = seen.accountCount <= seen.accounts.length;
    text(more, `${count(seen.accountCount - seen.accounts.length)} quieter accounts`);
  });
  return {
    load,
    onFrame(frame) {
      if (frame.changed.some((topic) => topic.startsWith('finance.transactions'))) load();
    },
  };
}
