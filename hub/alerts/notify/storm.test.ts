import { expect, test } from 'vitest';
import type { Alert, Notification } from '../../../contract/index.ts';
import type { InputRecord, OutputRecord } from '../../../streams/core/index.ts';
import { parseRules } from '../rules.ts';
import { notifySteps } from './index.ts';

const T = Date.UTC(2026, 10, 2, 12);
const SERIES = 10_000;
const TIMES = { groupWaitMs: 15_000, groupIntervalMs: 60_000, repeatMs: 14_400_000 };
const rule = (groupBy: string) =>
  parseRules(
    `- { id: r, severity: warning, summary: s, topic: iot.readings.10s, when: { field: mean, above: 65 }, groupBy: ${groupBy} }`,
  ).rules;

/** Alerts of 10,000 series that fire over 30 s, again and again for ten minutes. */
function storm(groupBy: string) {
  const task = notifySteps(TIMES, rule(groupBy))[1]!.createTask(0);
  const outputs: OutputRecord[] = [];
  let mostState = 0;
  let offset = 0;
  const say = (i: number, state: Alert['state'], since: number, ts: number) => {
    const series = `gw-${i % 100}/device-${i}/temperature`;
    const labels = { site: 'roof', gateway: `gw-${i % 100}`, device: `device-${i}`, metric: 'temperature' };
    const summary = `device-${i} measures 71.23 Cel (roof)`;
    const of = { id: `r/${series}@${since}`, rule: 'r', series, severity: 'warning', summary, value: 71.23 } as const;
    const alert: Alert = { ...of, state, since, ts, labels };
    const value = Buffer.from(JSON.stringify({ alert }));
    const record: InputRecord = { key: 'all', value, headers: {}, partition: 0, offset: offset++, appendedAt: ts };
    task.process('hub.notify.by-all', record);
  };
  for (let round = 0; round < 5; round++) {
    const begin = T + round * 120_000;
    for (let second = 0; second < 120; second++) {
      const now = begin + second * 1_000;
      for (let i = 0; second < 30 && i < SERIES; i++) if (i % 30 === second) say(i, 'firing', begin, now);
      for (let i = 0; second >= 90 && i < SERIES; i++) if (i % 30 === second - 90) say(i, 'resolved', begin, now);
      task.tick(now);
      outputs.push(...task.takeOutputs());
      for (const _ of task.takeChanges());
    }
    mostState = Math.max(mostState, JSON.stringify([...task.snapshot()]).length);
  }
  const sizes = outputs.map(({ value }) => value!.length);
  const notifications = outputs.map(({ value }) => JSON.parse(String(value)) as Notification);
  return { notifications, most: Math.max(...sizes), mostState, left: [...task.snapshot()] };
}

test.each([
  // One group: at most once a minute, and each state of an alert listed once.
  ['[rule, site]', 10, 10 + (5 * 2 * SERIES) / 200],
  // 10,000 groups wanted: fifty, and one for all the others.
  ['[rule, device]', 10 * 51, 10 * 51 + (5 * 2 * SERIES) / 200],
])(
  'a storm of 10,000 series grouped by %s is told of whole, bounded in messages and in memory',
  (groupBy, mostFirst, mostMessages) => {
    const { notifications, most, mostState, left } = storm(groupBy);
    const count = notifications.length;
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThanOrEqual(mostMessages);
    expect(notifications.filter(({ part }) => part === undefined).length).toBeLessThanOrEqual(mostFirst);
    expect(new Set(notifications.flatMap(({ alerts }) => alerts.map(({ id }) => id))).size).toBe(5 * SERIES);
    expect(most).toBeLessThan(200_000);
    // Of what fires, nothing of what fired: under 600 bytes for each series.
    expect(mostState).toBeLessThan(600 * 2 * SERIES);
    expect(left.length).toBeLessThan(2 * SERIES);
  },
);
