import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Alert, AlertSilence, Notification } from '../../../contract/index.ts';
import { Bench } from '../../../streams/testing/index.ts';
import { parseRules } from '../rules.ts';
import { holdings, notifySteps, parseMatcher } from './index.ts';

const T = Date.UTC(2026, 10, 2, 12);
const TIMES = { groupWaitMs: 5_000, groupIntervalMs: 20_000, repeatMs: 200_000 };
const { rules } = parseRules(`
- { id: gateway, severity: critical, summary: s, topic: gateways, when: { silentFor: 60s } }
- { id: device, severity: warning, summary: s, topic: iot.silences, when: { field: state, is: silent }, inhibitedBy: [{ rule: gateway, equal: [gateway] }] }
`);
const byId = new Map(rules.map((rule) => [rule.id, rule]));

const series = fc.constantFrom('gateway/1', 'gateway/2', 'device/1/a', 'device/1/b', 'device/2/c');
const event = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('flip' as const), series }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('silence' as const),
      id: fc.constantFrom('s1', 's2'),
      matcher: fc.constantFrom('rule=gateway', 'gateway=1', 'device=a', 'device!=a'),
      from: fc.integer({ min: -10, max: 30 }),
      seconds: fc.integer({ min: 0, max: 60 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 40 }) }) },
);
const restarts = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 12 });

type Event = typeof event extends fc.Arbitrary<infer E> ? E : never;

/** Plays events, then lets time pass until all is told, with the end of everything that fires. */
function play(events: readonly Event[], restartAt: readonly number[] = []) {
  const bench = new Bench(notifySteps(TIMES, rules));
  const firing = new Map<string, Alert>();
  const silences = new Map<string, AlertSilence>();
  /** For how many seconds each alert fired and was free to be told. */
  const free = new Map<string, number>();
  const all = new Map<string, Alert>();
  let now = T;
  const second = () => {
    now += 1_000;
    if (restartAt.includes((now - T) / 1_000)) bench.restart();
    bench.tick(now);
    const held = holdings(byId, firing.values(), silences.values(), now);
    for (const alert of firing.values()) if (!held(alert)) free.set(alert.id, (free.get(alert.id) ?? 0) + 1);
  };
  const flip = (name: string) => {
    const [rule, gateway, device] = name.split('/');
    const before = firing.get(name);
    const alert: Alert = before
      ? { ...before, state: 'resolved', ts: now }
      : {
          ...{ id: `${name}@${now}`, rule: rule!, series: name, state: 'firing', severity: 'warning', summary: name },
          ...{ value: null, since: now, ts: now, labels: { gateway: gateway!, ...(device && { device }) } },
        };
    // What fires again within the same moment has the same id: no two states of affairs begin at once.
    if (!before && all.has(alert.id)) return;
    if (before) firing.delete(name);
    else firing.set(name, alert);
    all.set(alert.id, alert);
    bench.send('alerts', alert, { key: name });
  };
  for (const one of events) {
    if (one.kind === 'wait') for (let i = 0; i < one.seconds; i++) second();
    else if (one.kind === 'flip') flip(one.series);
    else {
      const start = now + one.from * 1_000;
      const silence = { id: one.id, matchers: [parseMatcher(one.matcher)], start, end: start + one.seconds * 1_000 };
      silences.set(one.id, { ...silence, comment: 'c', author: 'a', ts: now });
      bench.send('alert-silences', silences.get(one.id), { key: one.id });
    }
  }
  for (let i = 0; i < 30; i++) second();
  for (const name of [...firing.keys()]) flip(name);
  for (let i = 0; i < 120; i++) second();
  return { notifications: bench.take<Notification>('notifications'), free, all };
}

test('whatever happens: what fires freely is told, nothing is told twice, every end of what was told is told', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      const { notifications, free, all } = play(events);
      expect(new Set(notifications.map(({ id }) => id)).size).toBe(notifications.length);
      const toldFiring = new Set<string>();
      const toldOver = new Set<string>();
      for (const { alerts, repeated } of notifications) {
        const news = alerts.filter(({ id, state }) => !(state === 'firing' ? toldFiring : toldOver).has(id));
        // Each says something new, or says that it does not.
        expect(news.length > 0).toBe(!repeated);
        for (const { id, state } of alerts) {
          if (state === 'resolved') expect(toldOver).not.toContain(id);
          expect(toldOver).not.toContain(id);
          (state === 'firing' ? toldFiring : toldOver).add(id);
        }
      }
      for (const id of toldFiring) expect(toldOver).toContain(id);
      for (const [id, alert] of all) {
        const seconds = (alert.ts - alert.since) / 1_000;
        if (seconds >= 1 && free.get(id) === seconds)
          expect(toldOver, `${id}, which was never held back`).toContain(id);
        if (!free.has(id) && seconds >= 1) expect(toldOver, `${id}, which always was`).not.toContain(id);
      }
    }),
    { numRuns: 300 },
  );
});

test('restarts at any point change nothing', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 30 }), restarts, (events, restartAt) => {
      expect(play(events, restartAt).notifications).toEqual(play(events).notifications);
    }),
    { numRuns: 150 },
  );
});
