import { expect, test } from 'vitest';
import { Alert, Breach, Episode } from '../../contract/index.ts';
import { compile } from '../../streams/core/index.ts';
import { Bench } from '../../streams/testing/index.ts';
import { alerts } from '../alerts/index.ts';
import { episodes } from './episodes.ts';

const T = Date.UTC(2026, 10, 2, 12);
const at = (second: number) => T + second * 1_000;

function setUp() {
  const bench = new Bench([episodes, alerts()].flatMap(compile));
  const breach = (kind: string, subject: string, second: number, count: number, more: Partial<Breach> = {}) => {
    const series = `${kind}/${subject}`;
    const window = { windowStart: at(second), windowEnd: at(second + 10), revision: 0, count };
    const row = Breach.parse({ series, ...window, kind, subject, ...more });
    // What a job finds of ten seconds is there two seconds after they are over.
    bench.send('breaches', row, { key: series, appendedAt: at(second + 12) });
  };
  const wait = (from: number, to: number) => {
    for (let second = from; second <= to; second++) bench.tick(at(second));
  };
  const told = () => bench.take<Episode>('episodes').map((row) => Episode.parse(row));
  const alerted = () =>
    bench.take<Alert>('alerts').map((alert) => {
      const { rule, state, summary } = Alert.parse(alert);
      return [rule, state, summary];
    });
  return { bench, breach, wait, told, alerted };
}

test('breaches less than half a minute apart are one episode, for which there is one alert, resolved when it is over', () => {
  const { bench, breach, wait, told, alerted } = setUp();
  breach('client-hammering', '10.0.0.1', 0, 150);
  wait(12, 22);
  expect(alerted()).toEqual([['web-client-hammering', 'firing', '10.0.0.1 sent 150 requests within ten seconds']]);
  bench.restart();
  breach('client-hammering', '10.0.0.1', 10, 190);
  breach('client-hammering', '10.0.0.1', 30, 120);
  wait(42, 70);
  const [first, ...more] = told();
  expect(first).toMatchObject({ windowStart: at(0), early: true, count: 1, most: 150, until: at(10) });
  expect(more.at(-1)).toMatchObject({ windowStart: at(0), early: false, count: 3, most: 190, until: at(40) });
  expect(alerted()).toEqual([['web-client-hammering', 'resolved', '10.0.0.1 sent 190 requests within ten seconds']]);
});

test('those further apart are two, and those of others are others', () => {
  const { breach, wait, told } = setUp();
  breach('payment-velocity', 'acc-1', 0, 9);
  breach('payment-velocity', 'acc-2', 0, 8);
  wait(12, 45);
  breach('payment-velocity', 'acc-1', 60, 7);
  wait(72, 105);
  const over = told().filter(({ early }) => !early);
  expect(over.map(({ subject, windowStart, most }) => [subject, (windowStart - T) / 1_000, most]).sort()).toEqual([
    ['acc-1', 0, 9],
    ['acc-1', 60, 7],
    ['acc-2', 0, 8],
  ]);
});

test('a breach that is refined is one breach, with what it came to', () => {
  const { breach, wait, told } = setUp();
  breach('client-hammering', '10.0.0.1', 0, 150);
  breach('client-hammering', '10.0.0.1', 10, 120);
  breach('client-hammering', '10.0.0.1', 0, 300, { revision: 1 });
  wait(22, 60);
  expect(told().at(-1)).toMatchObject({ early: false, count: 2, most: 300 });
});

test('an alert says by how much', () => {
  const { breach, wait, alerted } = setUp();
  breach('login-failures', 'site', 0, 200, { value: 1 / 3 });
  wait(12, 20);
  expect(alerted()).toEqual([
    ['web-login-failures', 'firing', 'far more requests than usual are denied: a share of 0.3333'],
  ]);
});

test('a job that is hours behind has its episodes all the same, in its own time, and nobody is alerted of them', () => {
  const { bench, breach, told, wait, alerted } = setUp();
  for (let i = 0; i < 20; i++) {
    breach('client-hammering', '10.0.0.1', i * 10, 150);
    breach('payment-velocity', `acc-${i % 4}`, -7_200 + i * 100, 9);
  }
  wait(212, 260);
  const over = told().filter(({ early }) => !early);
  expect(over.filter(({ kind }) => kind === 'payment-velocity')).toHaveLength(20);
  expect(over.filter(({ kind }) => kind === 'client-hammering')).toMatchObject([{ count: 20 }]);
  expect(bench.take('late')).toEqual([]);
  expect(new Set(alerted().map(([rule]) => rule))).toEqual(new Set(['web-client-hammering']));
});
