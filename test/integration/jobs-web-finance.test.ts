import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type Balance,
  type EnrichedTransaction,
  type Episode,
  encode,
  TOPICS,
  type Transaction,
  type WebRequest,
  type WebSession,
  type WebSiteWindow,
} from '../../contract/index.ts';
import { steps } from '../../hub/jobs/index.ts';
import { provision } from '../../hub/topics/index.ts';
import type { OutgoingRecord } from '../../kafka/index.ts';
import { runSteps } from '../../streams/runtime/index.ts';
import { collect, openTestBed, send, type TestBed, until } from '../support/testbed.ts';

const SECONDS = 60;
/** Long enough ago that every window is over once silence has set in. */
const start = Math.floor((Date.now() - (SECONDS + 120) * 1_000) / 60_000) * 60_000;
const log = { info() {}, warn() {}, error() {} };
const value = <T>(record: { value: OutgoingRecord['value'] }) => JSON.parse(String(record.value)) as T;
const ACCOUNTS = ['acc-0', 'acc-1', 'acc-2', 'acc-3'];

let bed: TestBed;

beforeAll(async () => {
  bed = await openTestBed();
  await provision(bed.as('admin'), 1);
});
afterAll(() => bed?.close());

/** Each second one request of each of twenty clients; from the 20th to the 40th, thirty of one more. */
function requests(from: number, to: number): OutgoingRecord[] {
  return range(from, to).flatMap((second) => {
    const ts = start + second * 1_000;
    const common = { method: 'GET', bytes: 100, status: 200, durationMs: 20, ts };
    const usual = range(0, 20).map((i): WebRequest => ({ ...common, clientIp: `10.0.0.${i}`, path: `/page-${i % 5}` }));
    const isHammering = second >= 20 && second < 40;
    const hammering = { ...common, clientIp: '192.0.2.1', path: '/api/stock' };
    const all = [...usual, ...(isHammering ? range(0, 30).map(() => hammering) : [])];
    return all.map((request) => ({ key: request.clientIp, value: encode(request), headers: { v: '1' } }));
  });
}

/** Each second a payment of each account, of 0.10; the last account pays ten times as often from the 20th second to the 40th. */
function transactions(from: number, to: number): OutgoingRecord[] {
  return range(from, to).flatMap((second) =>
    ACCOUNTS.flatMap((account, i) => {
      const times = i === 3 && second >= 20 && second < 40 ? 10 : 1;
      return range(0, second % 4 === i || times > 1 ? times : 0).map((n) => {
        const ts = start + second * 1_000;
        const what = { counterparty: 'shop', amount: '0.10', currency: 'EUR', type: 'card' } as const;
        const transaction: Transaction = { id: `${account}-${second}-${n}`, account, ...what, ts };
        return { key: account, value: encode(transaction), headers: { v: '1' } };
      });
    }),
  );
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

/** The row with the highest revision of each series and window. */
function finals<T extends { series: string; windowStart: number }>(rows: readonly T[]): T[] {
  return [...new Map(rows.map((row) => [`${row.series}@${row.windowStart}`, row])).values()];
}

test('web and finance over real Kafka, closed in the middle: rows are whole, each transaction is in its balance once, and who went too far is one episode', async () => {
  const topics = [TOPICS.webSite10s, TOPICS.webSessions, TOPICS.balances, TOPICS.transactionsEnriched, TOPICS.episodes];
  const [site, sessions, balances, enriched, episodes] = await Promise.all(topics.map((t) => collect(bed, t.name)));
  await send(
    bed,
    'sources',
    TOPICS.accounts.name,
    ACCOUNTS.map((id) => {
      const account = { id, currency: 'EUR', country: 'DE', segment: 'retail' };
      return { key: id, value: encode(account), headers: { v: '1' } };
    }),
  );
  const feed = async (from: number, to: number) => {
    await send(bed, 'sources', TOPICS.webRequests.name, requests(from, to));
    await send(bed, 'sources', TOPICS.transactions.name, transactions(from, to));
  };
  const concerned = steps().filter(({ id }) => /^(web|finance|episodes)/.test(id));
  await feed(0, 27);
  const first = runSteps(concerned, { kafka: bed.as('hub'), log });
  await until('first results', 60, () => site!.records.length >= 2 && balances!.records.length >= 4);
  await feed(27, 33);
  await first.close();
  await feed(33, SECONDS);

  const sent = transactions(0, SECONDS).map((record) => value<Transaction>(record));
  const second = runSteps(concerned, { kafka: bed.as('hub'), log });
  try {
    await until('every result', 120, () => {
      const seen = finals(site!.records.map(value<WebSiteWindow>)).reduce((sum, row) => sum + row.count, 0);
      const over = finals(episodes!.records.map(value<Episode>)).filter(({ early }) => !early);
      return (
        seen === SECONDS * 20 + 20 * 30 &&
        over.length === 2 &&
        balances!.records.length >= sent.length &&
        enriched!.records.length >= sent.length &&
        finals(sessions!.records.map(value<WebSession>)).length === 21
      );
    });
  } finally {
    await second.close();
  }

  const windows = finals(site!.records.map(value<WebSiteWindow>)).sort((a, b) => a.windowStart - b.windowStart);
  expect(windows.map(({ count, clients }) => [count, clients])).toEqual(
    range(0, 6).map((n) => (n === 2 || n === 3 ? [500, 21] : [200, 20])),
  );
  const usual = range(0, 5).map((n) => ({ value: `/page-${n}`, count: 40, error: 0 }));
  expect(windows[0]!.topPaths).toEqual(usual);
  expect(windows[2]!.topPaths).toEqual([{ value: '/api/stock', count: 300, error: 0 }, ...usual]);

  // Each transaction once, in the order of its account, and exactly.
  for (const account of ACCOUNTS) {
    const own = balances!.records.map(value<Balance>).filter((row) => row.account === account);
    const ids = sent.filter((transaction) => transaction.account === account).map(({ id }) => id);
    expect(own.map(({ version, transaction }) => [version, transaction])).toEqual(ids.map((id, i) => [i + 1, id]));
    expect(own.at(-1)!.balance).toBe(`-${(ids.length / 10).toFixed(1)}`.replace('.0', ''));
  }
  const known = enriched!.records.map(value<EnrichedTransaction>);
  expect(known.map(({ id }) => id).sort()).toEqual(sent.map(({ id }) => id).sort());
  expect(new Set(known.map(({ account, accountInfo }) => account === accountInfo?.id))).toEqual(new Set([true]));

  expect(
    finals(episodes!.records.map(value<Episode>))
      .map(({ series, most }) => [series, most])
      .sort(),
  ).toEqual([
    ['client-hammering/192.0.2.1', 300],
    ['payment-velocity/acc-3', 100],
  ]);
  await Promise.all([site, sessions, balances, enriched, episodes].map((topic) => topic!.close()));
});
