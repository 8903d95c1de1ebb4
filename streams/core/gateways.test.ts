/** Windows over several gateways, of which each may fall silent, be away and come back with what it kept, while hubs die. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HEADER, type Late, TOPICS } from '../../contract/index.ts';
import { Bench } from '../testing/index.ts';
import { compile, count, field, from, job, sum } from './index.ts';

const T = Date.UTC(2026, 10, 2, 12);
const SECOND = 1_000;
const SIZE = 10 * SECOND;
const GATEWAYS = ['a', 'b', 'c'] as const;
/** Silence is noticed after 5 s and followed in steps of 2 s, records may be 2 s out of order, and a tick comes each second. */
const OUT_AFTER = 12 * SECOND;

const steps = compile(
  job(
    'test',
    from(TOPICS.readings, { origin: field('gateway'), trusted: true })
      .keyBy('site', field('site'))
      .windows({
        by: { site: field('site') },
        sizes: [{ ms: SIZE, to: TOPICS.readings10s }],
        select: { count: count(), sum: sum(field('n')) },
        graceMs: 86_400 * SECOND,
      }),
  ),
);

type Gateway = (typeof GATEWAYS)[number];
interface Row {
  readonly windowStart: number;
  readonly windowEnd: number;
  readonly revision: number;
  readonly count: number;
  readonly sum: number;
}

/** What becomes of a gateway from some second on: it measures, has no line, sends only what it kept, or is off. */
const change = fc.record({
  second: fc.nat(240),
  gateway: fc.constantFrom(...GATEWAYS),
  becomes: fc.constantFrom('live', 'live', 'away', 'draining', 'off'),
});
const story = fc.record({
  changes: fc.array(change, { maxLength: 12, size: 'max' }),
  deaths: fc.array(fc.nat(240), { maxLength: 3 }),
  /** Of a backlog, so many come in a second. */
  pace: fc.constantFrom(3, 20),
});

/** Runs 5 min of the gateways. `onSecond` sees what was put out so far and what has come. */
function run({ changes, deaths, pace }: typeof story extends fc.Arbitrary<infer S> ? S : never) {
  const bench = new Bench(steps);
  const state = new Map<Gateway, string>(GATEWAYS.map((gateway) => [gateway, 'live']));
  const kept = new Map<Gateway, number[]>(GATEWAYS.map((gateway) => [gateway, []]));
  const rows: Row[] = [];
  const come: number[] = [];
  let now = T;
  const send = (gateway: Gateway, ts: number, lane: string, backlog: boolean) => {
    const value = { gateway, site: 'roof', n: come.length, ts };
    const headers = { [HEADER.lane]: lane, ...(backlog && { [HEADER.backlog]: '1' }) };
    bench.send('iot.readings', value, { key: gateway, headers, appendedAt: now });
    come.push(ts);
    if (lane === 'live') live.add(ts - (ts % SIZE));
  };
  const out = new Set<number>();
  /** Windows with something that was sent at once. */
  const live = new Set<number>();
  const check = () => {
    for (const row of bench.take<Row>('iot.readings.10s')) {
      rows.push(row);
      out.add(row.windowStart);
    }
    // Whatever others do, they are out within seconds.
    const waiting = [...live].filter((start) => start + SIZE + OUT_AFTER <= now && !out.has(start));
    if (waiting.length > 0)
      throw new Error(`${(now - T) / SECOND}: ${waiting.map((start) => (start - T) / SECOND)} waits`);
  };
  for (let second = 0; second < 300; second++, now += SECOND) {
    for (const { gateway, becomes } of changes.filter((one) => one.second === second)) state.set(gateway, becomes);
    if (deaths.includes(second)) bench.restart();
    for (const gateway of GATEWAYS) {
      const backlog = kept.get(gateway)!;
      const is = second >= 250 ? 'live' : state.get(gateway)!;
      if (is === 'away') backlog.push(now);
      if (is === 'live') send(gateway, now, 'live', backlog.length > 0);
      if (is === 'live' || is === 'draining')
        for (const ts of backlog.splice(0, second >= 250 ? Infinity : pace)) send(gateway, ts, 'backlog', false);
    }
    bench.tick(now);
    check();
  }
  for (const gateway of GATEWAYS) send(gateway, now + 60 * SECOND, 'live', false);
  for (let second = 0; second < 60; second++) bench.tick(now + second * SECOND);
  rows.push(...bench.take<Row>('iot.readings.10s'));
  return { rows, come, late: bench.take<Late>('late') };
}

test('whatever gateways do, live ones wait for nobody, nothing is late, and each window ends with all that was measured', () => {
  const met = { refined: 0 };
  fc.assert(
    fc.property(story, (of) => {
      const { rows, come, late } = run(of);
      expect(late).toEqual([]);
      const windows = Map.groupBy(
        come.map((ts, n) => ({ start: ts - (ts % SIZE), n })).filter(({ start }) => start < T + 300 * SECOND),
        ({ start }) => start,
      );
      const put = Map.groupBy(rows, ({ windowStart }) => windowStart);
      for (const [start, members] of windows) {
        const all = put.get(start) ?? [];
        expect(all.map(({ revision }) => revision)).toEqual(all.map((_, n) => n));
        const counts = all.map((row) => row.count);
        expect(counts).toEqual(counts.toSorted((a, b) => a - b));
        expect(all.at(-1)).toMatchObject({
          count: members.length,
          sum: members.reduce((total, { n }) => total + n, 0),
        });
        met.refined += all.length - 1;
      }
    }),
    { numRuns: 40, endOnFailure: true },
  );
  expect(met.refined).toBeGreaterThan(50);
});

test('however many gateways there are, what is told downstream of the time is told once', () => {
  const [first] = steps;
  const task = first!.createTask(0);
  let marks = 0;
  for (let second = 0; second < 60; second++) {
    for (let gateway = 0; gateway < 100; gateway++) {
      const value = Buffer.from(JSON.stringify({ gateway, site: 'roof', n: 1, ts: T + second * SECOND }));
      const about = { headers: {}, partition: 0, offset: second * 100 + gateway, appendedAt: T + second * SECOND };
      task.process('iot.readings', { key: `${gateway}`, value, ...about });
    }
    task.tick(T + second * SECOND);
    marks += task.takeOutputs().filter(({ value }) => value === null).length;
  }
  // Each second once, to each of four partitions; at the start each gateway is new.
  expect(marks).toBeLessThan(60 * 4 * 2);
});
