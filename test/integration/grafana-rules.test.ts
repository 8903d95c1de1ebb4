import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ALL_TOPICS, type Alert, type Health } from '../../contract/index.ts';
import { conditionOf, type Evaluator } from '../../grafana/alerting/condition.ts';
import { storedAs } from '../../grafana/points.ts';
import { alerts, loadRules, type Rule } from '../../hub/alerts/index.ts';
import { wantsInfluxDb } from '../../infra/local/index.ts';
import { compile } from '../../streams/core/index.ts';
import { Bench } from '../../streams/testing/index.ts';
import { frameOf, runFlux } from '../support/flux.ts';
import { type InfluxBed, openInfluxBed } from '../support/influx.ts';
import { asGrafana, writeRecords } from '../support/influx-data.ts';
import { platformHealth, STORY_MS, TROUBLE_FROM, TROUBLE_TO, TROUBLES } from '../support/platform-health.ts';

type Row = Record<string, unknown>;

const GOLDEN = JSON.parse(readFileSync(new URL('../../contract/golden/v1.json', import.meta.url), 'utf8')) as Record<
  string,
  Row
>;
const RULES = loadRules();
const SECOND = 1_000;
/** Each rule has a time of its own, so that the records of one are not another's. */
const timeOf = (index: number) => Date.UTC(2026, 10, 2) + index * 3_600_000;
const STEP = 10 * SECOND;

describe.runIf(wantsInfluxDb())('alert rules on InfluxDB', () => {
  let bed: InfluxBed;
  beforeAll(async () => {
    bed = await openInfluxBed();
  });
  afterAll(() => bed?.close());

  test.each(RULES.map((rule, i) => [rule.id, rule, i] as const))('%s says what the hub says', async (_, rule, i) => {
    const { records, stop, expected } = story(rule, timeOf(i));
    await writeRecords(bed, new Map([[rule.topic.name, records]]));
    expect(await hubSays(rule, records, stop)).toEqual(expected);
    expect(await grafanaSays(rule, stop)).toEqual(expected);
    // What is not about this time says nothing, and no data is no alarm.
    expect(await grafanaSays(rule, stop - 40 * 86_400_000)).toEqual([]);
  });

  test('rules about the platform itself hold of what its processes say while it goes ill, and not before or after', async () => {
    const start = timeOf(0) - 60 * 86_400_000;
    const records = platformHealth(start);
    await writeRecords(bed, new Map([['platform.health', records]]));
    const rules = RULES.filter(({ topic }) => topic.name === 'platform.health');
    expect(rules.map(({ id }) => id).sort()).toEqual(Object.keys(TROUBLES).sort());
    const named = (rule: Rule) => TROUBLES[rule.id]!.map((name) => `process=${name}`).sort();
    for (const [at, expected] of [
      [TROUBLE_FROM, () => []],
      [TROUBLE_TO, named],
      [STORY_MS, () => []],
    ] as const) {
      const stop = start + at - SECOND;
      for (const rule of rules) {
        expect(await hubSays(rule, records, stop, true), `hub: ${rule.id} after ${at} ms`).toEqual(expected(rule));
        expect(await grafanaSays(rule, stop), `Grafana: ${rule.id} after ${at} ms`).toEqual(expected(rule));
      }
    }
  });

  /** The series for which the condition holds at a time. */
  async function grafanaSays(rule: Rule, stop: number): Promise<string[]> {
    const { flux, lookbackMs, evaluator, labels, numbers } = conditionOf(rule);
    const at = { start: stop - lookbackMs, stop, windowMs: 1_000 };
    const frames = (await runFlux(asGrafana(bed), flux, at)).map(frameOf);
    for (const { kind, rows, columns, ...frame } of frames) {
      expect(kind).toBe('lines');
      expect(columns.find(({ label }) => label === '_value')?.dataType).toBe('double');
      expect(rows).toHaveLength(1);
      expect(labels).toEqual(expect.arrayContaining(Object.keys(frame.labels)));
    }
    const holding = frames.filter(({ rows }) => holds(evaluator, rows[0]?._value as number));
    for (const query of numbers.values()) {
      const told = (await runFlux(asGrafana(bed), query, at)).map(frameOf);
      // A number for the text is found by the labels of the alert.
      for (const { labels } of holding) expect(told.map((frame) => frame.labels)).toContainEqual(labels);
    }
    return holding.map((frame) => nameOf(rule, frame.labels)).sort();
  }
});

/** The series whose alert is pending or firing in the hub at a time. `isComplete`: the records have all that its text names. */
async function hubSays(
  rule: Rule,
  records: readonly (Row | Health)[],
  stop: number,
  isComplete = false,
): Promise<string[]> {
  const bench = new Bench(compile(alerts([{ ...rule, inhibitedBy: [] }])));
  const last = new Map<string, Alert>();
  const timed = records
    .map((record) => ({ record, time: (record as Row)[rule.time] as number }))
    .sort((a, b) => a.time - b.time);
  for (let now = timed[0]!.time; now <= stop; now += SECOND) {
    for (; timed.length > 0 && (timed[0]?.time ?? 0) <= now; timed.shift()) {
      const { record } = timed[0]!;
      bench.send(rule.topic.name, record, { key: String((record as Row)[rule.series]), appendedAt: now });
    }
    bench.tick(now);
    for (const alert of bench.take<Alert>('alerts')) last.set(alert.series, alert);
  }
  const holding = [...last.values()].filter(({ state }) => state !== 'resolved');
  // Whoever is told by Grafana after `for` is told by the hub too.
  for (const { state, summary } of holding) {
    expect(state).toBe('firing');
    if (isComplete) expect(summary).not.toContain('unknown');
  }
  return holding.map(({ labels }) => nameOf(rule, labels ?? {})).sort();
}

const nameOf = (rule: Rule, labels: Readonly<Record<string, string>>) =>
  Object.keys(rule.labels)
    .sort()
    .map((name) => `${name}=${labels[name]}`)
    .join(' ');

function holds({ type, params }: Evaluator, value: number): boolean {
  if (type === 'gt') return value > params[0];
  if (type === 'lt') return value < params[0];
  return value < params[0] || value > (params[1] ?? Infinity);
}

interface Story {
  readonly records: Row[];
  readonly stop: number;
  readonly expected: string[];
}

/** Records of three series: one of which the condition holds, one of which it held, one of which it never did. */
function story(rule: Rule, start: number): Story {
  const { when } = rule;
  // Long enough for the hub's alert to fire.
  const points = 12 + Math.ceil(rule.forMs / STEP);
  const stop = start + points * STEP + 5 * SECOND;
  const times = Array.from({ length: points }, (_, i) => start + i * STEP);
  const series = (name: string, values: readonly unknown[], at: readonly number[] = times) =>
    values.map((value, i) => recordOf(rule, name, at[i]!, i, value));
  const told = (records: Row[]) => ({ records, stop, expected: [labelled(rule, 'bad')] });
  const after = <T>(before: T, then: T, from = 3) => times.map((_, i) => (i < from ? before : then));

  if ('silentFor' in when) {
    const end = stop - when.silentFor - 15 * SECOND;
    const early = Array.from({ length: points }, (_, i) => end - (points - i) * STEP);
    // A hub that hears nothing at first does not take that for silence: the other goes on all the time.
    const always = Array.from({ length: 40 }, (_, i) => stop - (40 - i) * 5 * SECOND);
    return told([...series('bad', early, early), ...series('fine', always, always)]);
  }
  if ('count' in when) {
    const gap = Math.floor(when.within / 2 / when.count);
    const times = (n: number) => Array.from({ length: n }, (_, i) => stop - (n - i) * gap);
    return told([
      ...series('bad', times(when.count), times(when.count)),
      ...series('fine', times(when.count - 1), times(when.count - 1)),
    ]);
  }
  if ('growingAbove' in when) {
    const rising = (from: number) => times.map((_, i) => from + i * 10);
    const limit = when.growingAbove;
    return told([
      ...series('bad', rising(limit + 1)),
      ...series(
        'over',
        rising(limit + 1).map((value, i) => (i === points - 1 ? limit + 2 : value)),
      ),
      ...series('fine', rising(limit - 200)),
    ]);
  }
  if ('is' in when) {
    const other = typeof when.is === 'boolean' ? !when.is : typeof when.is === 'number' ? when.is + 1 : 'other';
    // Records of one episode are one point, told anew: only the newest is left.
    return told([
      ...series('bad', after(other, when.is)),
      ...series('over', after(when.is, other)),
      ...series('fine', after(other, other)),
    ]);
  }
  const { above, below } = when;
  const wrong = above === undefined ? below! - 1 : above + 1;
  const right = above === undefined ? below! + 1 : below === undefined ? above - above / 2 : (above + below) / 2;
  return told([
    ...series('bad', after(right, wrong)),
    ...series('over', after(wrong, right, points - 2)),
    ...series('fine', after(right, right)),
    // Far outside, but of something that the rule is not about.
    ...Object.keys(rule.where)
      .slice(0, 1)
      .flatMap((path) => series('other', after(right, wrong)).map((r) => set(r, path, 'another'))),
  ]);
}

/** A record of the rule's topic as the first release wrote it, made into one of a series of its own. */
function recordOf(rule: Rule, name: string, at: number, i: number, judged: unknown): Row {
  const { topic, when } = rule;
  const template =
    GOLDEN[topic.name] ?? GOLDEN[topic.name.replace(/10s$/, '1m')] ?? GOLDEN[topic.name.replace(/1m$/, '10s')];
  const record = structuredClone(template!);
  const isWindow = 'windowStart' in record;
  Object.assign(record, isWindow ? { windowStart: at, windowEnd: at + 10 * SECOND } : { ts: at, id: `${name}-${i}` });
  for (const tag of storedAs(topic.name)!.tags)
    if (typeof record[tag] === 'string') record[tag] = `${record[tag]}-${name}`;
  if ('series' in record) record.series = `${template!.series}-${name}`;
  for (const [path, least] of Object.entries(rule.atLeast)) set(record, path, least + 5);
  for (const [path, value] of Object.entries(rule.where)) set(record, path, value);
  if ('field' in when) set(record, when.field, judged);
  return record;
}

function labelled(rule: Rule, name: string): string {
  const record = recordOf(rule, name, 0, 0, undefined);
  return nameOf(
    rule,
    Object.fromEntries(Object.entries(rule.labels).map(([label, path]) => [label, String(record[path])])),
  );
}

function set(record: Row, path: string, value: unknown): Row {
  const names = path.split('.');
  const last = names.pop()!;
  let of = record;
  for (const name of names) {
    of[name] ??= {};
    of = of[name] as Row;
  }
  of[last] = value;
  return record;
}

test('every topic that rules are about is one of the catalogue', () => {
  for (const { topic } of RULES) expect(ALL_TOPICS).toContain(topic);
});
