/** Windows compared with what anyone would write down from the whole input, whatever the order it came in and wherever the task died. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Late, TOPICS } from '../../contract/index.ts';
import { Lives } from '../testing/index.ts';
import {
  compile,
  count,
  distinct,
  field,
  first,
  from,
  job,
  last,
  max,
  type Step,
  sum,
  type WindowsTo,
} from './index.ts';

const T = Date.UTC(2026, 10, 2, 12);
const SECOND = 1_000;
const GRACE = 40 * SECOND;
const END = T + 86_400 * SECOND;
const GAP = 4 * SECOND;
const KINDS = {
  [TOPICS.readings10s.name]: { ms: 10 * SECOND, advanceMs: 10 * SECOND },
  [TOPICS.readings1m.name]: { ms: 12 * SECOND, advanceMs: 4 * SECOND },
  [TOPICS.webRequests10s.name]: null,
} as const;

function step(more: Partial<WindowsTo>): Step {
  const plan = from(TOPICS.readings, { origin: field('gateway'), trusted: true }).windows({
    by: { gateway: field('gateway'), device: field('device') },
    sizes: [
      { ms: 10 * SECOND, to: TOPICS.readings10s },
      { ms: 12 * SECOND, advanceMs: 4 * SECOND, to: TOPICS.readings1m },
      { gapMs: GAP, to: TOPICS.webRequests10s },
    ],
    select: {
      count: count(),
      sum: sum(field('n')),
      max: max(field('n')),
      first: first(field('n')),
      last: last(field('n')),
      different: distinct(field('n')),
    },
    graceMs: GRACE,
    rememberMs: 90 * SECOND,
    ...more,
  });
  return compile(job('test', plan))[0]!;
}

interface Reading {
  readonly gateway: string;
  readonly device: string;
  readonly n: number;
  readonly ts: number;
}
interface Arrival {
  readonly reading: Reading;
  readonly at: number;
  readonly headers: Record<string, string>;
}
interface Row {
  readonly series: string;
  readonly windowStart: number;
  readonly windowEnd: number;
  readonly revision: number;
  readonly early?: boolean;
  readonly mergedInto?: number | null;
  readonly count: number;
}

const WEEK = 7 * 86_400 * SECOND;
const anything = {
  after: fc.integer({ min: 0, max: 6_000 }),
  behind: fc.constantFrom(0, 0, 0, 500, 1_500, 4_000, 6_000, 9_000, 12_000, 15_000, 80_000, WEEK),
  gateway: fc.constantFrom('a', 'b'),
  device: fc.constantFrom('x', 'x', 'x', 'y'),
  lane: fc.constantFrom('live', 'live', 'live', 'live', 'live', 'live', 'live', 'alarm', 'backlog'),
  backlog: fc.constantFrom(false, false, false, true),
  again: fc.constantFrom(0, 0, 0, 0, 0, 1, 3, 9),
};
/** One series, whose sessions are often put out before a record comes that makes one of two. */
const bridging = {
  ...anything,
  after: fc.constantFrom(500, 1_500, 3_000, 4_100, 5_000, 6_000, 7_000),
  behind: fc.constantFrom(0, 0, 0, 9_000, 11_000, 13_000, 15_000),
  gateway: fc.constant('a'),
  device: fc.constant('x'),
  lane: fc.constant('live'),
  backlog: fc.constant(false),
};

/** Readings as they come: out of order, late, some of them twice; in the end everybody's time has come far past all windows. */
function arrivals(one: typeof anything | typeof bridging): fc.Arbitrary<Arrival[]> {
  return fc.array(fc.record(one), { minLength: one === bridging ? 60 : 0, maxLength: 150, size: 'max' }).map((list) => {
    let now = T;
    const all: Arrival[] = [];
    for (const { after, behind, gateway, device, lane, backlog, again } of list) {
      now += after;
      const fresh = { gateway, device, n: all.length, ts: now - behind };
      const reading = (again > 0 && all.at(-again)?.reading) || fresh;
      all.push({ reading, at: now, headers: { lane, ...(backlog && { backlog: '1' }) } });
    }
    for (const gateway of ['a', 'b'])
      for (const device of ['x', 'y'])
        all.push({ reading: { gateway, device, n: -1, ts: END }, at: END, headers: { lane: 'live' } });
    return all;
  });
}

function run(of: Step, list: readonly Arrival[], cuts: readonly number[]) {
  const lives = new Lives(of);
  for (const [i, { reading, at, headers }] of list.entries()) {
    if (cuts.includes(i)) lives.restart();
    lives.process('iot.readings', reading, { key: reading.device, headers, appendedAt: at });
  }
  return lives.takeAll();
}

/** Of each window what was put out, in order. */
function byWindow(rows: readonly Row[]): Map<string, Row[]> {
  return Map.groupBy(rows, (row) => `${row.series} ${row.windowStart}`);
}

interface Numbered extends Reading {
  readonly offset: number;
}

function summary(members: readonly Numbered[]) {
  const ordered = members.toSorted((a, b) => a.ts - b.ts || a.offset - b.offset);
  const ns = members.map((member) => member.n);
  return {
    count: ns.length,
    sum: ns.reduce((a, b) => a + b, 0),
    max: Math.max(...ns),
    first: ordered[0]!.n,
    last: ordered.at(-1)!.n,
    different: new Set(ns).size,
  };
}

/** What each series' windows hold in the end, of all that was not late for them. */
function expected(topic: string, list: readonly Arrival[], late: readonly Late[]) {
  const kind = KINDS[topic] ?? null;
  const tooLate = new Set<string>();
  for (const { windowStart, windowEnd, bytes } of late) {
    if (windowEnd - windowStart !== (kind?.ms ?? GAP)) continue;
    tooLate.add(`${JSON.parse(Buffer.from(bytes, 'base64').toString()).offset} ${windowStart}`);
  }
  const isLate = (offset: number, windowStart: number) => tooLate.has(`${offset} ${windowStart}`);
  const rows = new Map<string, object>();
  const readings = list.map(({ reading }, offset) => ({ ...reading, offset })).filter(({ ts }) => ts < END);
  for (const [series, all] of Map.groupBy(readings, ({ gateway, device }) => `${gateway}/${device}`)) {
    const windows: { start: number; end: number; members: Numbered[] }[] = [];
    if (kind !== null) {
      for (const start of new Set(all.flatMap(({ ts }) => startsAround(ts, kind)))) {
        const end = start + kind.ms;
        const members = all.filter(({ ts, offset }) => ts >= start && ts < end && !isLate(offset, start));
        if (members.length > 0) windows.push({ start, end, members });
      }
    } else {
      for (const reading of all.filter(({ ts, offset }) => !isLate(offset, ts)).sort((a, b) => a.ts - b.ts)) {
        const session = windows.at(-1);
        if (session !== undefined && reading.ts <= session.end) {
          session.end = reading.ts + GAP;
          session.members.push(reading);
        } else windows.push({ start: reading.ts, end: reading.ts + GAP, members: [reading] });
      }
    }
    for (const { start, end, members } of windows)
      rows.set(`${series} ${start}`, { series, windowStart: start, windowEnd: end, ...summary(members) });
  }
  return rows;
}

function startsAround(ts: number, { ms, advanceMs }: { ms: number; advanceMs: number }): number[] {
  const starts: number[] = [];
  for (let start = 0; start < ms; start += advanceMs) starts.push(ts - (ts % advanceMs) - start);
  return starts;
}

function check(of: Step, list: readonly Arrival[], cuts: readonly number[], early: boolean) {
  const out = run(of, list, cuts);
  const late = (out.get('late') ?? []) as Late[];
  for (const { windowEnd, watermark } of late) expect(windowEnd + GRACE).toBeLessThanOrEqual(watermark);
  const met = { refined: 0, withdrawn: 0 };
  for (const topic of Object.keys(KINDS)) {
    const finals = new Map<string, object>();
    for (const [name, rows] of byWindow(((out.get(topic) ?? []) as Row[]).filter((row) => row.windowEnd < END))) {
      // Revisions go up by one, and none holds less than the one before, until a session has become part of another.
      expect(rows.map((row) => row.revision)).toEqual(rows.map((_, i) => i));
      const whole = rows.filter((row) => (row.mergedInto ?? null) === null);
      expect(whole.map((row) => row.count)).toEqual(whole.map((row) => row.count).toSorted((a, b) => a - b));
      const withdrawn = rows.slice(whole.length);
      expect(withdrawn.length).toBeLessThanOrEqual(1);
      met.refined += whole.length - 1;
      met.withdrawn += withdrawn.length;
      if (early && withdrawn.length === 0) expect(rows.at(-1)!.early).toBe(false);
      if (withdrawn.length > 0) {
        expect(withdrawn[0]).toMatchObject({ count: 0, sum: null });
        continue;
      }
      const { revision, early: _, mergedInto, gateway, device, ...row } = rows.at(-1)! as Row & Record<string, unknown>;
      finals.set(name, row);
    }
    expect(finals).toEqual(expected(topic, list, late));
  }
  return { late, ...met };
}

const cuts = fc.array(fc.nat(150), { maxLength: 4 });
const closing = step({});
const refining = step({ emit: { earlyEveryMs: 2 * SECOND } });

test.each([
  ['whatever comes', anything, 120],
  ['sessions that become one', bridging, 80],
] as const)(
  'every window holds in the end what came in time, whatever the order, and nothing else: %s',
  (_, one, runs) => {
    // What the input is to bring about, or the test shows nothing.
    const met = { late: 0, refined: 0, withdrawn: 0 };
    fc.assert(
      fc.property(arrivals(one), cuts, (list, at) => {
        const { late, refined, withdrawn } = check(closing, list, at, false);
        met.late += late.length;
        met.refined += refined;
        met.withdrawn += withdrawn;
      }),
      { numRuns: runs, endOnFailure: true },
    );
    expect(met.refined).toBeGreaterThan(20);
    if (one === anything) expect(met.late).toBeGreaterThan(20);
    else expect(met.withdrawn).toBeGreaterThan(20);
  },
);

test('early results change nothing of the final ones, and the last of a window is not early', () => {
  fc.assert(
    fc.property(arrivals(anything), cuts, (list, at) => {
      check(refining, list, at, true);
    }),
    { numRuns: 80, endOnFailure: true },
  );
});

test('a task that dies anywhere puts out what it would have put out, row for row', () => {
  for (const one of [closing, refining]) {
    fc.assert(
      fc.property(arrivals(anything), cuts, (list, at) => {
        expect(run(one, list, at)).toEqual(run(one, list, []));
      }),
      { numRuns: 80, endOnFailure: true },
    );
  }
});

test('what is within the disorder its source declares is never late', () => {
  const tame = fc.array(
    fc.record({ after: fc.integer({ min: 0, max: 6_000 }), behind: fc.integer({ min: 0, max: 1_999 }) }),
    { maxLength: 150 },
  );
  fc.assert(
    fc.property(tame, cuts, (list, at) => {
      let now = T;
      let latest = T;
      const all = list.map(({ after, behind }, n): Arrival => {
        now += after;
        latest = Math.max(latest, now);
        return { reading: { gateway: 'a', device: 'x', n, ts: now - behind }, at: now, headers: { lane: 'live' } };
      });
      all.push({ reading: { gateway: 'a', device: 'x', n: -1, ts: END }, at: END, headers: { lane: 'live' } });
      expect(check(closing, all, at, false).late).toEqual([]);
    }),
  );
});
