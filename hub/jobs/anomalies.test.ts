import { expect, test } from 'vitest';
import { Anomaly } from '../../contract/index.ts';
import { compile, type Job } from '../../streams/core/index.ts';
import { Bench } from '../../streams/testing/index.ts';
import { amountAnomalies, readingAnomalies, responseTimeAnomalies } from './anomalies.ts';

const T = Date.UTC(2026, 10, 2, 12);
const LENGTH = 600;

/** Values that wander a little around `usual`, the same in every run. */
const wander = (usual: number, n: number) => usual * (1 + 0.02 * Math.sin(n * 1.7) + 0.01 * Math.sin(n * 5.3));

const reading = (value: number, ts: number) => ({
  topic: 'iot.readings',
  key: 'mc-1',
  value: { device: 'mc-1', gateway: 'gw-1', site: 's', metric: 'temperature', value, unit: 'Cel', ts, receivedAt: ts },
});
const window = (p95: number, ts: number, revision = 0) => ({
  topic: 'web.requests.10s',
  key: '/cart',
  value: {
    series: '/cart',
    path: '/cart',
    windowStart: ts,
    windowEnd: ts + 10_000,
    revision,
    count: 9,
    errorShare: 0,
    p50: 1,
    p95,
    p99: 1,
  },
});
const transaction = (amount: number, ts: number) => ({
  topic: 'finance.transactions',
  key: 'acc-1',
  value: {
    id: `t-${ts}`,
    account: 'acc-1',
    counterparty: 'x',
    amount: amount.toFixed(2),
    currency: 'EUR',
    type: 'card',
    ts,
  },
});

function watch(job: Job, make: (value: number, ts: number) => { topic: string; key: string; value: unknown }) {
  const bench = new Bench(compile(job));
  const observe = (value: number, n: number) => {
    const { topic, key, value: record } = make(value, T + n * 10_000);
    bench.send(topic, record, { key, appendedAt: T + n * 10_000 });
  };
  const anomalies = () => bench.take<Anomaly>('anomalies').map((anomaly) => Anomaly.parse(anomaly));
  return { bench, observe, anomalies };
}

test.each([
  ['a temperature', readingAnomalies, reading, 21, 80, 'readings', 'gw-1/mc-1/temperature'],
  ['a response time', responseTimeAnomalies, window, 120, 2_500, 'response-times', '/cart'],
  ['an amount', amountAnomalies, transaction, 40, 90_000, 'amounts', 'acc-1/EUR'],
] as const)(
  '%s unlike all before it is told, in its own unit and with what was expected',
  (_, job, make, usual, odd, source, series) => {
    const { bench, observe, anomalies } = watch(job, make);
    for (let n = 0; n < LENGTH; n++) observe(wander(usual, n), n);
    const before = anomalies().length;
    expect(before).toBeLessThanOrEqual(2);
    // What was learnt is not lost with the task.
    bench.restart();
    observe(odd, LENGTH);
    const [anomaly] = anomalies();
    expect(anomaly).toMatchObject({ source, series, value: odd, ts: T + LENGTH * 10_000 });
    expect(anomaly!.expected).toBeGreaterThan(usual / 2);
    expect(anomaly!.expected).toBeLessThan(usual * 2);
    expect(anomaly!.score).toBeGreaterThanOrEqual(0.5);
    expect(anomaly!.reason).not.toBe('');
  },
);

test('an amount is judged by what the account itself has paid before, in that currency', () => {
  const bench = new Bench(compile(amountAnomalies));
  const pay = (account: string, currency: string, amount: number, n: number) => {
    const { topic, value } = transaction(amount, T + n * 10_000);
    bench.send(topic, { ...value, id: `${account}-${currency}-${n}`, account, currency }, { key: account });
  };
  for (let n = 0; n < LENGTH; n++) {
    pay('grocer', 'EUR', wander(40, n), n);
    pay('shipyard', 'EUR', wander(90_000, n), n);
    pay('grocer', 'JPY', wander(7_000, n), n);
  }
  bench.take('anomalies');
  pay('shipyard', 'EUR', 90_500, LENGTH);
  pay('grocer', 'JPY', 7_050, LENGTH);
  expect(bench.take('anomalies')).toEqual([]);
  pay('grocer', 'EUR', 7_050, LENGTH);
  expect(bench.take<Anomaly>('anomalies').map(({ series, value }) => [series, value])).toEqual([['grocer/EUR', 7_050]]);
});

test('what is older than the last value is not judged', () => {
  const { observe, anomalies } = watch(readingAnomalies, reading);
  for (let n = 0; n < LENGTH; n++) observe(wander(21, n), n);
  anomalies();
  observe(80, LENGTH - 5);
  expect(anomalies()).toEqual([]);
});

test('a window that is put out again is not judged again', () => {
  const { bench, observe, anomalies } = watch(responseTimeAnomalies, window);
  for (let n = 0; n < LENGTH; n++) observe(wander(120, n), n);
  anomalies();
  const again = window(2_500, T + (LENGTH - 1) * 10_000, 1);
  bench.send(again.topic, again.value, { key: again.key, appendedAt: T + LENGTH * 10_000 });
  expect(anomalies()).toEqual([]);
});

test('anomalies of one account in the same millisecond have ids of their own, the same in every run', () => {
  const run = (restarts: boolean) => {
    const { bench, observe, anomalies } = watch(amountAnomalies, transaction);
    for (let n = 0; n < LENGTH; n++) observe(wander(40, n), n);
    anomalies();
    for (const amount of [90_000, 4_000_000, 0.01]) {
      observe(amount, LENGTH);
      if (restarts) bench.restart();
    }
    observe(9_000_000, LENGTH + 1);
    return anomalies().map(({ id, value }) => [id.replace(/.*@/, ''), value]);
  };
  const [now, next] = [T + LENGTH * 10_000, T + (LENGTH + 1) * 10_000];
  const told = run(false);
  expect(told).toEqual([
    [`${now}`, 90_000],
    [`${now}#2`, 4_000_000],
    [`${now}#3`, 0.01],
    [`${next}`, 9_000_000],
  ]);
  expect(run(true)).toEqual(told);
});
