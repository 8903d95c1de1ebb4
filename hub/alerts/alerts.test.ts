import { expect, test } from 'vitest';
import { Alert } from '../../contract/index.ts';
import { bytesOf, compile } from '../../streams/core/index.ts';
import { Bench } from '../../streams/testing/index.ts';
import { alerts, loadRules, parseRules } from './index.ts';

const T = Date.UTC(2026, 10, 2, 12);
const at = (second: number) => T + second * 1_000;

function setUp(rules = alerts()) {
  const bench = new Bench(compile(rules));
  /** Alerts told since the last call. */
  const told = () => bench.take<Alert>('alerts').map((alert) => Alert.parse(alert));
  const states = () => told().map(({ rule, state }) => `${rule} ${state}`);

  const temperature = (second: number, mean: number, device = 'mc-1', appendedAt = at(second)) => {
    const series = `gw-1/${device}/temperature`;
    const window = {
      series,
      windowStart: at(second - 10),
      windowEnd: at(second),
      revision: 0,
      count: 9,
      gateway: 'gw-1',
    };
    const row = {
      ...window,
      device,
      metric: 'temperature',
      unit: 'Cel',
      site: 'roof',
      type: null,
      mean,
      min: mean,
      max: mean,
    };
    bench.send('iot.readings.10s', row, { key: series, appendedAt });
  };
  const gateway = (second: number, readings = 0, name = 'gw-1') => {
    const status = { gateway: name, site: 'roof', ts: at(second), backlog: { readings, bytes: 0, oldestTs: null } };
    bench.send('gateways', status, { key: name });
  };
  const requests = (second: number, path: string, count: number, errorShare: number, p95: number | null = 10) => {
    const row = {
      series: path,
      path,
      windowStart: at(second - 10),
      windowEnd: at(second),
      revision: 0,
      count,
      errorShare,
    };
    bench.send('web.requests.10s', { ...row, p50: p95, p95, p99: p95 }, { key: path, appendedAt: at(second) });
  };
  const anomaly = (second: number, source = 'readings') => {
    const row = { id: `${second}`, source, series: `${second % 7}`, ts: at(second), value: 1, expected: 1, score: 1 };
    bench.send('anomalies', { ...row, reason: 'x', detector: 'adaptive' }, { key: row.series });
  };
  const ticks = (from: number, to: number) => {
    for (let second = from; second <= to; second++) bench.tick(at(second));
  };
  return { bench, told, states, temperature, gateway, requests, anomaly, ticks };
}

test('a temperature out of its band is pending, fires when it lasts, and is resolved when it is over', () => {
  const { told, temperature } = setUp();
  temperature(10, 21);
  expect(told()).toEqual([]);
  for (const second of [20, 30, 40, 50, 60]) temperature(second, 71.23456);
  temperature(70, 30);
  const alert = {
    id: `temperature-out-of-band/gw-1/mc-1/temperature@${at(20)}`,
    rule: 'temperature-out-of-band',
    series: 'gw-1/mc-1/temperature',
    severity: 'warning',
    since: at(20),
    labels: { site: 'roof', gateway: 'gw-1', device: 'mc-1', metric: 'temperature' },
  };
  expect(told()).toEqual([
    { ...alert, state: 'pending', ts: at(20), value: 71.23456, summary: 'mc-1 measures 71.23 Cel (roof)' },
    { ...alert, state: 'firing', ts: at(50), value: 71.23456, summary: 'mc-1 measures 71.23 Cel (roof)' },
    { ...alert, state: 'resolved', ts: at(70), value: 30, summary: 'mc-1 measures 30 Cel (roof)' },
  ]);
});

test('one that does not last does not fire', () => {
  const { states, temperature } = setUp();
  for (const second of [10, 20]) temperature(second, -40);
  temperature(30, 10);
  for (const second of [40, 50, 60]) temperature(second, -40);
  expect(states()).toEqual([
    'temperature-out-of-band pending',
    'temperature-out-of-band resolved',
    'temperature-out-of-band pending',
  ]);
});

test('series have alerts of their own, which a restart does not forget', () => {
  const { bench, told, temperature } = setUp();
  for (const second of [10, 20]) for (const device of ['a', 'b']) temperature(second, 80, device);
  bench.restart();
  temperature(30, 20, 'b');
  for (const second of [30, 40]) temperature(second, 80, 'a');
  expect(told().map(({ series, state, since }) => [series.split('/')[1], state, since])).toEqual([
    ['a', 'pending', at(10)],
    ['b', 'pending', at(10)],
    ['b', 'resolved', at(10)],
    ['a', 'firing', at(10)],
  ]);
});

test('history is not judged: neither a backlog nor what was late', () => {
  const { told, temperature } = setUp();
  for (const second of [10, 20, 30, 40, 50]) temperature(second, 80, 'mc-1', at(3_600));
  expect(told()).toEqual([]);
});

test('windows that are told anew after an alert was over begin no second one; what is out of order later does', () => {
  const { states, temperature } = setUp();
  const hot = [10, 20, 30, 40];
  for (const second of hot) temperature(second, 80);
  temperature(50, 20);
  temperature(60, 20);
  const all = ['pending', 'firing', 'resolved'].map((state) => `temperature-out-of-band ${state}`);
  expect(states()).toEqual(all);
  for (const second of hot) temperature(second, 81, 'mc-1', at(65));
  temperature(70, 20);
  expect(states()).toEqual([]);
  for (const second of [80, 90, 100, 110]) temperature(second, 80);
  temperature(120, 20);
  expect(states()).toEqual(all);
  // Long after, nothing is kept of it.
  temperature(1_200, 20);
  for (const second of [1_000, 1_010, 1_020, 1_030]) temperature(second, 80, 'mc-1', at(1_200));
  expect(states()).toEqual(all.slice(0, 2));
});

test('a gateway that falls silent is told of once, and again when it is back', () => {
  const { states, gateway, ticks } = setUp();
  for (let second = 0; second < 100; second += 5) {
    gateway(second);
    ticks(second, second + 4);
  }
  expect(states()).toEqual([]);
  ticks(100, 300);
  expect(states()).toEqual(['gateway-silent firing']);
  gateway(301);
  expect(states()).toEqual(['gateway-silent resolved']);
});

test.each([
  ['ahead', 86_400],
  ['behind', -86_400],
])('a gateway whose clock was a day %s, and was set right, is not silent', (_, off) => {
  const { bench, states, ticks } = setUp();
  const status = (second: number, wrong: number) =>
    bench.send(
      'gateways',
      { gateway: 'gw-1', site: 'roof', ts: at(second + wrong), backlog: { readings: 0, bytes: 0, oldestTs: null } },
      { key: 'gw-1', appendedAt: at(second) },
    );
  for (let second = 0; second < 300; second += 5) {
    status(second, second < 100 || second > 200 ? 0 : off);
    ticks(second, second + 4);
  }
  expect(states()).toEqual([]);
  ticks(300, 400);
  expect(states()).toEqual(['gateway-silent firing']);
});

test('a temperature is judged on when the clock that was ahead was set right', () => {
  const { states, temperature } = setUp();
  temperature(3_000, 80, 'mc-1', at(0));
  for (const second of [10, 20, 30, 40, 50]) temperature(second, 80);
  expect(states()).toEqual(['temperature-out-of-band pending', 'temperature-out-of-band firing']);
});

test('a hub whose clock was set back hears on who falls silent', () => {
  const { states, gateway, ticks } = setUp();
  gateway(4_000);
  ticks(4_001, 4_010);
  ticks(100, 170);
  expect(states()).toEqual(['gateway-silent firing']);
});

test('a machine that slept, or whose clock was set ahead, takes nobody for silent and nothing for over', () => {
  const { states, gateway, temperature, ticks } = setUp();
  for (let second = 0; second < 60; second += 5) {
    gateway(second);
    temperature(second, 80);
    ticks(second, second + 4);
  }
  const firing = ['temperature-out-of-band pending', 'temperature-out-of-band firing'];
  expect(states()).toEqual(firing);
  ticks(7_200, 7_230);
  expect(states()).toEqual([]);
  gateway(7_231);
  ticks(7_231, 7_400);
  expect(states()).toEqual(['gateway-silent firing']);
});

test('a hub that was down does not take its own silence for the gateways’', () => {
  const { bench, states, gateway, ticks } = setUp();
  gateway(0);
  ticks(0, 10);
  bench.restart();
  ticks(4_000, 4_030);
  expect(states()).toEqual([]);
  ticks(4_031, 4_061);
  expect(states()).toEqual(['gateway-silent firing']);
});

test('a silent device fires until it is heard again, however long that takes', () => {
  const { bench, told, ticks } = setUp();
  const silence = (second: number, state: string, more = {}) => {
    const device = { series: 'gw-1/mc-1', kind: 'device', device: 'mc-1', cause: 'no-readings' };
    const row = { id: 'x', ...device, state, gateway: 'gw-1', site: 'roof', since: T, usualMs: 10_000, ts: at(second) };
    bench.send('iot.silences', { ...row, ...more }, { key: row.series });
  };
  silence(60, 'silent');
  bench.restart();
  ticks(61, 3_000);
  expect(told()).toMatchObject([
    { rule: 'device-silent', state: 'firing', summary: 'device mc-1 of gateway gw-1 at roof says nothing' },
  ]);
  silence(3_001, 'back');
  expect(told()).toMatchObject([{ rule: 'device-silent', series: 'gw-1/mc-1', state: 'resolved' }]);
  // That a gateway is dead is told by its status, which no longer comes.
  silence(3_100, 'silent', { kind: 'gateway', series: 'gw-1', device: null, cause: 'no-status' });
  expect(told()).toEqual([]);
});

test('what a field is fires after its time also where nothing more is said of it meanwhile', () => {
  const { rules } = parseRules(`
- { id: long-silent, severity: warning, summary: s, topic: iot.silences, when: { field: state, is: silent }, for: 5m }
`);
  const { bench, states, ticks } = setUp(alerts(rules));
  const silence = (second: number, state: string) =>
    bench.send('iot.silences', { series: 'gw-1/mc-1', state, gateway: 'gw-1', ts: at(second) }, { key: 'gw-1/mc-1' });
  silence(0, 'silent');
  ticks(1, 299);
  bench.restart();
  expect(states()).toEqual(['long-silent pending']);
  ticks(300, 900);
  expect(states()).toEqual(['long-silent firing']);
  silence(901, 'back');
  ticks(902, 1_300);
  expect(states()).toEqual(['long-silent resolved']);
});

test('a backlog that grows fires; one that drains does not', () => {
  const { states, gateway } = setUp();
  for (let second = 0; second <= 100; second += 5) gateway(second, 50_000 - second * 100);
  expect(states()).toEqual([]);
  for (let second = 105; second <= 200; second += 5) gateway(second, 50_000 + second * 100);
  expect(states()).toEqual(['gateway-backlog-growing pending', 'gateway-backlog-growing firing']);
  gateway(205, 20_000);
  expect(states()).toEqual(['gateway-backlog-growing resolved']);
});

test('a path fires when many of its requests fail, but not for a few in the night', () => {
  const { told, requests } = setUp();
  for (const second of [10, 20, 30, 40]) requests(second, '/night', 3, 0.34);
  for (const second of [10, 20, 30, 40]) requests(second, '/fine', 500, 0.01);
  expect(told()).toEqual([]);
  for (const second of [10, 20, 30]) requests(second, '/cart', 500, 0.2);
  expect(told()).toMatchObject([
    { rule: 'web-errors', series: '/cart', state: 'pending' },
    { rule: 'web-errors', series: '/cart', state: 'firing', severity: 'critical', value: 0.2 },
  ]);
});

test('a path that became slow fires; one of unknown speed does not', () => {
  const { states, requests } = setUp();
  for (const second of [10, 20, 30, 40, 50]) requests(second, '/unknown', 100, 0, null);
  expect(states()).toEqual([]);
  for (const second of [10, 20, 30, 40, 50]) requests(second, '/cart', 100, 0, 3_000);
  expect(states()).toEqual(['web-slow pending', 'web-slow firing']);
});

test('a burst of anomalies fires over all series, and is over when they are', () => {
  const { told, anomaly, ticks } = setUp();
  for (let second = 0; second < 900; second += 60) anomaly(second);
  expect(told()).toEqual([]);
  for (let second = 900; second < 920; second += 2) anomaly(second);
  expect(told()).toMatchObject([
    {
      rule: 'anomaly-burst',
      series: 'readings',
      state: 'firing',
      value: 10,
      summary: '10 anomalies in readings within five minutes',
    },
  ]);
  ticks(920, 1_180);
  expect(told()).toEqual([]);
  ticks(1_181, 1_260);
  expect(told()).toMatchObject([{ rule: 'anomaly-burst', state: 'resolved' }]);
});

test('a burst is one in whatever order it comes', () => {
  const { bench, told, anomaly } = setUp();
  const orders = [5, 9, 1, 8, 2, 7, 3, 6, 4, 10];
  for (const second of orders) {
    anomaly(second);
    bench.restart();
  }
  expect(told()).toMatchObject([{ rule: 'anomaly-burst', state: 'firing', value: 10, since: at(10), ts: at(10) }]);
});

test('an alert about something that is no more is resolved in the end', () => {
  const { states, temperature, ticks } = setUp();
  for (const second of [10, 20, 30, 40, 50]) temperature(second, 80);
  ticks(50, 900);
  expect(states()).toEqual(['temperature-out-of-band pending', 'temperature-out-of-band firing']);
  ticks(901, 1_000);
  expect(states()).toEqual(['temperature-out-of-band resolved']);
});

test('a broker that is down fires, and no more a while after nobody tells of it: it was taken away for good', () => {
  const { bench, states, ticks } = setUp();
  const broker = (second: number) => {
    const health = { process: 'kafka-3', kind: 'kafka', ts: at(second), counts: { up: 0, outOfSync: 0 } };
    bench.send('platform.health', health, { key: 'kafka-3', appendedAt: at(second) });
  };
  for (let second = 0; second <= 70; second += 10) broker(second);
  expect(states()).toEqual(['kafka-broker-down pending', 'kafka-broker-down firing']);
  ticks(71, 1_000);
  expect(states()).toEqual(['kafka-broker-down resolved']);
});

test('an alert whose rule was taken away is resolved', () => {
  const { bench, temperature } = setUp();
  for (const second of [10, 20, 30, 40, 50]) temperature(second, 80);
  const [, judge] = compile(alerts());
  const [, other] = compile(alerts(loadRules().filter(({ id }) => id === 'gateway-silent')));
  expect(judge!.fingerprint).toBe(other!.fingerprint);
  const task = judge!.createTask(0);
  expect(bench.take('alerts')).toHaveLength(2);
  for (const [offset, record] of bench.takeRecords('hub.alerts.by-rule').entries()) {
    const { key, headers = {} } = record;
    const value = bytesOf(record.value);
    task.process('hub.alerts.by-rule', { key, value, headers, partition: 0, offset, appendedAt: at(50) });
  }
  const heir = other!.createTask(0);
  heir.restore(task.takeChanges());
  heir.tick(at(60));
  expect(JSON.parse(String(heir.takeOutputs()[0]!.value))).toMatchObject({ state: 'resolved' });
  expect([...heir.snapshot()].filter(({ key }) => key.startsWith('p/'))).toEqual([]);
});
