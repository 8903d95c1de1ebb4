import { expect, test } from 'vitest';
import { type Alert, type AlertSilence, Notification } from '../../../contract/index.ts';
import { Bench } from '../../../streams/testing/index.ts';
import { parseRules } from '../rules.ts';
import { notifySteps, parseMatcher } from './index.ts';

const T = Date.UTC(2026, 10, 2, 12);
const at = (second: number) => T + second * 1_000;
const TIMES = { groupWaitMs: 15_000, groupIntervalMs: 60_000, repeatMs: 3_600_000 };

const { rules } = parseRules(`
- { id: gateway-silent, severity: critical, summary: s, topic: gateways, when: { silentFor: 60s } }
- id: device-silent
  severity: warning
  summary: s
  topic: iot.silences
  when: { field: state, is: silent }
  inhibitedBy: [{ rule: gateway-silent, equal: [gateway] }]
- { id: too-hot, severity: warning, summary: s, topic: iot.readings.10s, when: { field: mean, above: 65 }, groupBy: [rule, device] }
`);

function setUp(times = TIMES) {
  const bench = new Bench(notifySteps(times, rules));
  let second = 0;
  const labels = (series: string) => {
    const [gateway, device] = series.split('/');
    return { site: 'roof', gateway: gateway!, ...(device && { device }) };
  };
  /** When an alert was last said to fire. */
  const since = new Map<string, number>();
  const say = (rule: string, series: string, state: Alert['state'], more: Partial<Alert> = {}) => {
    const key = `${rule}/${series}`;
    if (state === 'firing') since.set(key, at(second));
    const severity = rules.find(({ id }) => id === rule)?.severity ?? 'info';
    const alert: Alert = {
      ...{ id: `${key}@${since.get(key) ?? at(second)}`, rule, series, state, severity, summary: `${rule} ${series}` },
      ...{ value: 1, since: since.get(key) ?? at(second), ts: at(second), labels: labels(series), ...more },
    };
    bench.send('alerts', alert, { key });
  };
  return {
    bench,
    fires: (rule: string, series: string, more?: Partial<Alert>) => say(rule, series, 'firing', more),
    ends: (rule: string, series: string) => say(rule, series, 'resolved'),
    say,
    silence(id: string, matcher: string, untilSecond: number, fromSecond = second) {
      const silence: AlertSilence = {
        ...{ id, matchers: [parseMatcher(matcher)], start: at(fromSecond), end: at(untilSecond) },
        ...{ comment: 'c', author: 'a', ts: at(second) },
      };
      bench.send('alert-silences', silence, { key: id });
    },
    /** Lets time pass up to a second. */
    until(end: number) {
      while (second < end) bench.tick(at(++second));
    },
    told: () => bench.take<Notification>('notifications').map((one) => Notification.parse(one)),
    /** Notifications since the last call as `seconds group: states of the alerts`. */
    lines: () =>
      bench.take<Notification>('notifications').map(({ ts, group, alerts, repeated }) => {
        const listed = alerts.map(({ series, state }) => `${series} ${state}`).join(', ');
        return `${Math.floor((ts - T) / 1_000)} ${group}${repeated ? ' again' : ''}: ${listed}`;
      }),
  };
}

test('an alert that fires is told after its group was waited for, and its end once', () => {
  const { fires, ends, until, told } = setUp();
  fires('device-silent', 'gw-1/a');
  until(100);
  const [first, ...more] = told();
  expect(more).toEqual([]);
  expect(first).toMatchObject({
    group: 'rule=device-silent,site=roof',
    labels: { rule: 'device-silent', site: 'roof' },
    state: 'firing',
    repeated: false,
    firing: 1,
    resolved: 0,
    omitted: 0,
    ts: at(16),
    repeatBy: at(16) + TIMES.repeatMs,
    alerts: [{ id: `device-silent/gw-1/a@${T}`, state: 'firing' }],
  });
  ends('device-silent', 'gw-1/a');
  until(300);
  const [last, ...others] = told();
  expect(others).toEqual([]);
  expect(last).toMatchObject({ state: 'resolved', firing: 0, resolved: 1, alerts: [{ state: 'resolved' }] });
  expect(last!.id).not.toBe(first!.id);
});

test('what is pending is not told', () => {
  const { say, until, lines } = setUp();
  say('device-silent', 'gw-1/a', 'pending');
  say('device-silent', 'gw-1/a', 'resolved');
  until(100);
  expect(lines()).toEqual([]);
});

test('alerts of one group are told together, the ones that are new first; those of another group by themselves', () => {
  const { fires, until, lines } = setUp();
  fires('device-silent', 'gw-1/b');
  fires('too-hot', 'gw-1/oven');
  until(10);
  fires('device-silent', 'gw-1/a');
  until(20);
  expect(lines()).toEqual([
    '16 rule=device-silent,site=roof: gw-1/b firing, gw-1/a firing',
    '16 rule=too-hot,device=oven: gw-1/oven firing',
  ]);
  until(30);
  fires('device-silent', 'gw-1/c');
  until(200);
  // Not before the group's interval is over.
  expect(lines()).toEqual(['76 rule=device-silent,site=roof: gw-1/c firing, gw-1/b firing, gw-1/a firing']);
});

test('one that was over before its group was told is told as over, and not twice', () => {
  const { fires, ends, until, lines } = setUp();
  fires('device-silent', 'gw-1/a');
  until(5);
  ends('device-silent', 'gw-1/a');
  until(200);
  expect(lines()).toEqual(['16 rule=device-silent,site=roof: gw-1/a resolved']);
});

test('one that fires again before its end was told: the end and the new beginning are told', () => {
  const { fires, ends, until, told } = setUp();
  fires('device-silent', 'gw-1/a');
  until(20);
  told();
  ends('device-silent', 'gw-1/a');
  until(22);
  fires('device-silent', 'gw-1/a');
  until(100);
  expect(told()).toMatchObject([
    {
      state: 'firing',
      alerts: [
        { id: `device-silent/gw-1/a@${at(22)}`, state: 'firing' },
        { id: `device-silent/gw-1/a@${T}`, state: 'resolved' },
      ],
    },
  ]);
});

test('what fires on is told again, marked as such, when nothing was told for long', () => {
  const { fires, until, lines } = setUp();
  fires('device-silent', 'gw-1/a');
  until(3_615);
  expect(lines()).toEqual(['16 rule=device-silent,site=roof: gw-1/a firing']);
  until(3_700);
  expect(lines()).toEqual(['3616 rule=device-silent,site=roof again: gw-1/a firing']);
});

test('what follows from a dead gateway is not told while the gateway is told; elsewhere it is', () => {
  const { fires, until, lines } = setUp();
  fires('device-silent', 'gw-1/a');
  fires('device-silent', 'gw-2/b');
  until(5);
  fires('gateway-silent', 'gw-1');
  until(300);
  expect(lines()).toEqual([
    '16 rule=device-silent,site=roof: gw-2/b firing',
    '21 rule=gateway-silent,site=roof: gw-1 firing',
  ]);
});

test('what still fires when the gateway is back is told then; what is over by then never was', () => {
  const { fires, ends, until, lines } = setUp();
  fires('gateway-silent', 'gw-1');
  fires('device-silent', 'gw-1/a');
  fires('device-silent', 'gw-1/b');
  until(100);
  ends('gateway-silent', 'gw-1');
  until(103);
  ends('device-silent', 'gw-1/a');
  until(300);
  expect(lines()).toEqual([
    '16 rule=gateway-silent,site=roof: gw-1 firing',
    '116 rule=gateway-silent,site=roof: gw-1 resolved',
    '116 rule=device-silent,site=roof: gw-1/b firing',
  ]);
});

test('a silence holds back what it fits, and what still fires at its end is told then', () => {
  const { silence, fires, until, lines } = setUp();
  silence('s1', 'device=a', 120);
  fires('device-silent', 'gw-1/a');
  fires('device-silent', 'gw-1/b');
  until(110);
  expect(lines()).toEqual(['16 rule=device-silent,site=roof: gw-1/b firing']);
  until(200);
  expect(lines()).toEqual(['135 rule=device-silent,site=roof: gw-1/a firing, gw-1/b firing']);
});

test('a silence that is ended early is over at once, and one that is to come holds nothing back yet', () => {
  const { silence, fires, until, lines } = setUp();
  silence('s1', 'rule=*', 10_000);
  silence('s2', 'rule=*', 20_000, 10_000);
  fires('device-silent', 'gw-1/a');
  until(50);
  expect(lines()).toEqual([]);
  silence('s1', 'rule=*', 50);
  until(100);
  expect(lines()).toEqual(['66 rule=device-silent,site=roof: gw-1/a firing']);
});

test('the end of what was told before it was silenced is told all the same; its repeats are not', () => {
  const { silence, fires, ends, until, lines } = setUp();
  fires('device-silent', 'gw-1/a');
  until(20);
  lines();
  silence('s1', 'rule=device-silent', 9_000);
  until(5_000);
  expect(lines()).toEqual([]);
  ends('device-silent', 'gw-1/a');
  until(5_100);
  expect(lines()).toEqual(['5016 rule=device-silent,site=roof: gw-1/a resolved']);
});

test('a silenced gateway still holds back what follows from it', () => {
  const { silence, fires, until, lines } = setUp();
  silence('s1', 'rule=gateway-silent', 9_000);
  fires('gateway-silent', 'gw-1');
  fires('device-silent', 'gw-1/a');
  until(100);
  expect(lines()).toEqual([]);
});

test('restarts change nothing', () => {
  const { bench, silence, fires, ends, until, lines } = setUp();
  silence('s1', 'device=b', 100);
  fires('device-silent', 'gw-1/a');
  fires('device-silent', 'gw-1/b');
  bench.restart();
  // Its group comes and goes between two commits.
  fires('too-hot', 'gw-1/b');
  ends('too-hot', 'gw-1/b');
  until(10);
  bench.restart();
  until(20);
  bench.restart();
  ends('device-silent', 'gw-1/a');
  until(90);
  bench.restart();
  until(200);
  expect(lines()).toEqual([
    '16 rule=device-silent,site=roof: gw-1/a firing',
    '76 rule=device-silent,site=roof: gw-1/a resolved',
    '136 rule=device-silent,site=roof: gw-1/b firing',
  ]);
});

test('a clock that was ahead holds nothing up when it is set back, and no two notifications have one id', () => {
  const { bench, fires, told } = setUp();
  const tick = (from: number, to: number) => {
    for (let second = from; second <= to; second++) bench.tick(at(second));
  };
  fires('device-silent', 'gw-1/a');
  tick(90_000, 90_020);
  fires('device-silent', 'gw-1/b');
  tick(0, 80);
  const notifications = told();
  expect(notifications.map(({ alerts }) => alerts[0]!.series)).toEqual(['gw-1/a', 'gw-1/b']);
  expect(notifications[1]!.ts).toBeGreaterThan(notifications[0]!.ts);
  expect(notifications[1]!.id).not.toBe(notifications[0]!.id);
});

test('an alert of a rule that is not known here is told too', () => {
  const { fires, until, lines } = setUp();
  fires('own-rule', 'x');
  until(20);
  expect(lines()).toEqual(['16 rule=own-rule,site=roof: x firing']);
});

test('what is no alert or silence is a dead letter', () => {
  const { bench } = setUp();
  bench.send('alerts', { ts: T, rule: 'x' }, { key: 'x' });
  bench.send('alert-silences', { ts: T, id: 'x', matchers: [] }, { key: 'x' });
  expect(bench.take('dead-letters')).toMatchObject([{ code: 'INVALID' }, { code: 'INVALID' }]);
});

test('long names of series, which visitors of a web site may choose, make no notification that Kafka refuses', () => {
  const { fires, until, told } = setUp();
  for (let i = 0; i < 150; i++) fires('web-errors', `/${i}${'\u0001'.repeat(2_000)}`, { labels: {} });
  until(100);
  const notifications = told();
  expect(notifications.length).toBeLessThan(20);
  for (const notification of notifications) {
    expect(JSON.stringify(notification).length).toBeLessThan(1_000_000);
    expect(notification.alerts.length + notification.omitted).toBe(150);
  }
  expect(new Set(notifications.flatMap(({ alerts }) => alerts.map(({ series }) => series))).size).toBe(150);
});

test('of more alerts than one notification holds, all that are new are told in parts, and those told before from time to time', () => {
  const { fires, ends, until, told } = setUp();
  const series = Array.from({ length: 450 }, (_, i) => `gw-1/d${i}`);
  for (const name of series) fires('device-silent', name);
  until(20);
  const parts = told();
  expect(parts.map(({ part, alerts, omitted }) => [part, alerts.length, omitted])).toEqual([
    [undefined, 200, 250],
    [2, 200, 250],
    [3, 50, 400],
  ]);
  expect(new Set(parts.flatMap(({ alerts }) => alerts.map((alert) => alert.series)))).toEqual(new Set(series));
  expect(new Set(parts.map(({ id }) => id)).size).toBe(3);
  // Always something new: what fires on is not told anew each time, nor forgotten for good.
  const lengths: number[][] = [];
  for (let i = 0; i < 13; i++) {
    fires('device-silent', `gw-1/new-${i}`);
    until(20 + (i + 1) * 600);
    lengths.push(told().map(({ alerts }) => alerts.length));
  }
  expect(lengths).toEqual(Array.from({ length: 13 }, (_, i) => (i > 0 && i % 6 === 0 ? [200, 200, 51 + i] : [200])));
  // The end of an episode comes before the next one of its series.
  for (const name of series) ends('device-silent', name);
  fires('device-silent', series[449]!);
  until(8_000);
  const states = told().flatMap(({ alerts }) => alerts.filter((one) => one.series === series[449]));
  expect(states.map(({ state }) => state)).toEqual(['resolved', 'firing']);
});

test('nor do long labels that a group is named by', () => {
  const { fires, until, told } = setUp();
  fires('web-errors', '/a', { labels: { site: '='.repeat(400_000) } });
  until(100);
  const [notification] = told();
  expect(notification).toMatchObject({ firing: 1, group: expect.stringMatching(/^rule=web-errors,site=%3D/) });
  expect(JSON.stringify(notification).length).toBeLessThan(1_000_000);
});

test('one that is never to be told again is a notification that channels take', () => {
  const { fires, until, told } = setUp({ ...TIMES, repeatMs: 36_500 * 86_400_000 });
  fires('too-hot', 'gw-1/a');
  until(100);
  expect(told()).toHaveLength(1);
});
