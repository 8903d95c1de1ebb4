/** Joins compared with what anyone would write down from the whole input, whatever the order it came in and wherever the task died. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Late, TOPICS } from '../../contract/index.ts';
import { Bench, Lives } from '../testing/index.ts';
import { compile, count, field, from, job, type Step } from './index.ts';

const T = Date.UTC(2026, 10, 2, 12);
const SECOND = 1_000;
const END = T + 86_400 * SECOND;
const GRACE = 10 * SECOND;
/** A second topic by device. */
const EVENTS = { ...TOPICS.readings, name: TOPICS.traffic.name };

type Type = 'inner' | 'left' | 'outer';
interface Sample {
  readonly id: number;
  readonly ts: number;
}

function joining(type: Type): Step {
  const readings = from<Sample>(TOPICS.readings, { trusted: true });
  const events = from<Sample>(EVENTS, { trusted: true });
  const within = { as: ['reading', 'event'], type, beforeMs: 5 * SECOND, afterMs: 2 * SECOND, graceMs: GRACE } as const;
  const pairs = readings
    .join(events, within)
    .map(({ reading, event }) => ({ pair: `${reading?.id ?? '-'} ${event?.id ?? '-'}` }));
  return compile(job('test', pairs.into(TOPICS.anomalies)))[0]!;
}
const STEPS = { inner: joining('inner'), left: joining('left'), outer: joining('outer') };

const sample = fc.record({
  after: fc.constantFrom(0, 300, 900, 2_000, 3_000),
  behind: fc.constantFrom(0, 0, 500, 1_900, 4_000, 9_000, 13_000, 30_000),
  right: fc.boolean(),
  key: fc.constantFrom('x', 'x', 'y'),
  again: fc.constantFrom(0, 0, 0, 0, 0, 1, 4),
});
interface Arrival extends Sample {
  readonly at: number;
  readonly right: boolean;
  readonly key: string;
}
const arrivals = fc.array(sample, { maxLength: 100, size: 'max' }).map((list) => {
  let now = T;
  const all: Arrival[] = [];
  for (const { after, behind, again, ...rest } of list) {
    now += after;
    const before = again > 0 ? all.at(-again) : undefined;
    all.push({ ...(before ?? { ts: now - behind, ...rest }), id: all.length, at: now });
  }
  // In the end the time of both sides has come far past everything.
  for (const right of [false, true]) all.push({ id: 999, ts: END, at: END, right, key: 'z' });
  return all;
});
const cuts = fc.array(fc.nat(100), { maxLength: 4 });

function run(of: Step, list: readonly Arrival[], at: readonly number[]) {
  const lives = new Lives(of);
  for (const [i, { id, ts, at: appendedAt, right, key }] of list.entries()) {
    if (at.includes(i)) lives.restart(i % 2 === 0);
    lives.process((right ? EVENTS : TOPICS.readings).name, { id, ts }, { key, appendedAt });
  }
  return { out: lives.takeAll(), keys: lives.stateKeys };
}

function expected(type: Type, list: readonly Arrival[], late: ReadonlySet<number>): string[] {
  const inTime = list.filter(({ id, ts }) => !late.has(id) && ts < END);
  const [lefts, rights] = [inTime.filter(({ right }) => !right), inTime.filter(({ right }) => right)];
  const rows: string[] = [];
  const matched = new Set<number>();
  for (const left of lefts) {
    for (const right of rights) {
      if (left.key !== right.key || right.ts < left.ts - 5 * SECOND || right.ts > left.ts + 2 * SECOND) continue;
      rows.push(`${left.id} ${right.id}`);
      matched.add(left.id).add(right.id);
    }
  }
  if (type !== 'inner') for (const { id } of lefts) if (!matched.has(id)) rows.push(`${id} -`);
  if (type === 'outer') for (const { id } of rights) if (!matched.has(id)) rows.push(`- ${id}`);
  return rows.sort();
}

test.each(['inner', 'left', 'outer'] as const)(
  'a stream joins another (%s): each pair once, and each that stays alone once',
  (type) => {
    const met = { late: 0, alone: 0, pairs: 0 };
    fc.assert(
      fc.property(arrivals, cuts, (list, at) => {
        const { out, keys } = run(STEPS[type], list, at);
        const late = (out.get('late') ?? []) as Late[];
        for (const { ts, watermark } of late) expect(ts).toBeLessThan(watermark);
        const ids = late.map(({ bytes }) => JSON.parse(Buffer.from(bytes, 'base64').toString()).id as number);
        const rows = ((out.get('anomalies') ?? []) as { pair: string }[]).map(({ pair }) => pair);
        expect(rows.filter((pair) => !pair.includes('999')).sort()).toEqual(expected(type, list, new Set(ids)));
        // What cannot find a partner any more is let go.
        expect(keys.filter((key) => key.startsWith('j/')).length).toBeLessThanOrEqual(2);
        met.late += late.length;
        met.alone += rows.filter((pair) => pair.includes('-')).length;
        met.pairs += rows.length;
      }),
      { numRuns: 150, endOnFailure: true },
    );
    expect(met.late).toBeGreaterThan(20);
    expect(met.pairs).toBeGreaterThan(20);
    if (type !== 'inner') expect(met.alone).toBeGreaterThan(20);
  },
);

test('a join that dies anywhere puts out what it would have put out, row for row', () => {
  fc.assert(
    fc.property(arrivals, cuts, (list, at) => {
      expect(run(STEPS.outer, list, at).out).toEqual(run(STEPS.outer, list, []).out);
    }),
    { numRuns: 150, endOnFailure: true },
  );
});

test('records within the disorder of their sources are never late, however far one side is read ahead of the other', () => {
  const lives = new Lives(STEPS.outer);
  for (let i = 0; i < 300; i++)
    lives.process('iot.readings', { id: i, ts: T + i * SECOND }, { key: 'x', appendedAt: T + i * SECOND });
  for (let i = 0; i < 300; i++)
    lives.process('traffic.flow', { id: i, ts: T + i * SECOND }, { key: 'x', appendedAt: T + i * SECOND });
  const out = lives.takeAll();
  expect(out.get('late')).toBeUndefined();
  expect(out.get('anomalies')!.filter((row) => (row as { pair: string }).pair.includes('-'))).toEqual([]);
});

test('a side that is silent is not waited for, unless it has records that were not read yet', () => {
  for (const behind of [false, true]) {
    const lives = new Lives(STEPS.left);
    lives.tick(T);
    lives.process('iot.readings', { id: 1, ts: T }, { key: 'x', appendedAt: T });
    for (let second = 1; second < 60; second++) {
      lives.tick(T + second * SECOND, (topic) => behind && topic === 'traffic.flow');
      if (second % 2 === 0)
        lives.process(
          'iot.readings',
          { id: second, ts: T + second * SECOND },
          { key: 'y', appendedAt: T + second * SECOND },
        );
    }
    const alone = (lives.takeAll().get('anomalies') ?? []) as { pair: string }[];
    expect(alone.some(({ pair }) => pair === '1 -')).toBe(!behind);
  }
});

test('a function that throws costs only its result, and neither the others of the join nor another end', () => {
  const readings = from<Sample>(TOPICS.readings, { trusted: true });
  const events = from<Sample>(EVENTS, { trusted: true });
  const pairs = readings
    .join(events, { as: ['reading', 'event'], type: 'left', beforeMs: 0, afterMs: SECOND })
    .map(({ reading, event }) => {
      if (reading.id === 1) throw new Error('bad reading');
      return { pair: `${reading.id} ${event?.id ?? '-'}` };
    });
  const lives = new Lives(compile(job('test', [pairs.into(TOPICS.anomalies), readings.into(TOPICS.alerts)]))[0]!);
  for (const id of [0, 1, 2]) lives.process('iot.readings', { id, ts: T }, { key: `${id}`, appendedAt: T });
  for (const topic of ['iot.readings', 'traffic.flow'])
    lives.process(topic, { id: 9, ts: END }, { key: 'z', appendedAt: END });
  const out = lives.takeAll();
  expect(out.get('anomalies')).toEqual([{ pair: '9 9' }, { pair: '0 -' }, { pair: '2 -' }]);
  expect(out.get('dead-letters')).toMatchObject([{ code: 'JOB_FAILED', reason: 'bad reading' }]);
  expect(out.get('alerts')).toHaveLength(4);
});

test('what a join puts out can be windowed in the same step, in its own time', () => {
  const readings = from<Sample>(TOPICS.readings, { trusted: true });
  const events = from<Sample>(EVENTS, { trusted: true });
  const plan = readings
    .join(events, { as: ['reading', 'event'], type: 'left', beforeMs: SECOND, afterMs: SECOND })
    .windows({
      by: { all: field('reading', 'kind') },
      sizes: [{ ms: 10 * SECOND, to: TOPICS.readings10s }],
      select: { count: count() },
    });
  const lives = new Lives(compile(job('test', plan))[0]!);
  for (let i = 0; i < 40; i++) {
    if (i === 17) lives.restart();
    for (const topic of ['iot.readings', 'traffic.flow'])
      if (topic === 'iot.readings' || i % 3 === 0)
        lives.process(topic, { kind: 'k', ts: T + i * SECOND }, { key: `${i % 4}`, appendedAt: T + i * SECOND });
  }
  const rows = lives.takeAll().get('iot.readings.10s') as { windowStart: number; count: number; revision: number }[];
  expect(rows.map(({ windowStart, count: n, revision }) => [(windowStart - T) / SECOND, n, revision])).toEqual([
    [0, 10, 0],
    [10, 10, 0],
    [20, 10, 0],
  ]);
});

test('streams whose keys change meet through their repartition topics', () => {
  const readings = from<Sample & { site: string }>(TOPICS.readings, { trusted: true }).keyBy('site', field('site'));
  const weather = from<Sample & { place: string }>(TOPICS.weather, { trusted: true });
  const plan = readings
    .join(weather.keyBy('place', field('place')), {
      as: ['reading', 'weather'],
      type: 'left',
      beforeMs: 60 * SECOND,
      afterMs: 0,
    })
    .map(({ reading, weather: of }) => ({ reading: reading.id, weather: of?.id ?? null }))
    .into(TOPICS.anomalies);
  const steps = compile(job('test', plan));
  expect(steps.map(({ id, streams }) => [id, streams])).toEqual([
    ['test', ['iot.readings', 'weather.observations']],
    ['test.by-site', ['hub.test.by-site', 'hub.test.by-place']],
  ]);
  const bench = new Bench(steps);
  bench.send('weather.observations', { id: 7, place: 'roof', ts: T }, { key: 'station' });
  bench.send('iot.readings', { id: 1, site: 'roof', ts: T + SECOND }, { key: 'd-1' });
  bench.send('iot.readings', { id: 2, site: 'cellar', ts: T + SECOND }, { key: 'd-2' });
  expect(bench.take('anomalies')).toEqual([{ reading: 1, weather: 7 }]);
  bench.restart();
  for (let second = 2; second < 120; second++) {
    bench.tick(T + second * SECOND);
    bench.send('weather.observations', { id: 8, place: 'x', ts: T + second * SECOND }, { key: 'station' });
  }
  expect(bench.take('anomalies')).toEqual([{ reading: 2, weather: null }]);
  expect(bench.take('late')).toEqual([]);
});

test('each record goes to the first branch whose condition holds, and copies are not confused', () => {
  const { errors, slow, rest } = from<{ status: number }>(TOPICS.readings, { trusted: true }).branch({
    errors: field('failed'),
    slow: field('slow'),
  });
  const all = merge3(errors, slow, rest);
  const bench = new Bench(compile(job('test', all)));
  for (const record of [{ failed: true, slow: true }, { slow: true }, {}])
    bench.send('iot.readings', { ...record, ts: T }, { key: 'k' });
  expect(bench.take('anomalies')).toMatchObject([{ as: 'error', failed: true }]);
  expect(bench.take('alerts')).toMatchObject([{ as: 'slow' }]);
  expect(bench.take('traffic.flow')).toEqual([{ ts: T }]);
  // One flow with several ends: none sees what another has done to the record.
  expect(bench.take('web.requests.10s')).toEqual([{ ts: T, as: 'copy' }]);
});

function merge3(errors: Flow, slow: Flow, rest: Flow) {
  const as = (name: string) => ({ as: { op: 'literal', value: name } as const });
  return [
    errors.derive(as('error')).into(TOPICS.anomalies),
    slow.derive(as('slow')).into(TOPICS.alerts),
    rest.derive(as('copy')).into(TOPICS.webRequests10s),
    rest.into(TOPICS.traffic),
  ];
}
type Flow = ReturnType<typeof from<{ status: number }>>;
