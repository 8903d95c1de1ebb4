import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TOPICS } from '../../contract/index.ts';
import {
  compile,
  count,
  type Flow,
  field,
  from,
  type InputRecord,
  job,
  last,
  lt,
  mean,
  quantile,
  type StateChange,
  type Step,
} from './index.ts';

const T = Date.UTC(2026, 10, 2, 12);
const SECOND = 1_000;

/** What a task is given, one after the other. */
type Event = { readonly tick: number } | { readonly topic: string; readonly record: InputRecord };

const gatewayJob = compile(
  job(
    'test',
    from(TOPICS.readings, { origin: field('gateway'), trusted: true })
      .joinTable(TOPICS.devices, 'info')
      .windows({
        by: { gateway: field('gateway'), device: field('device') },
        sizes: [
          { ms: 10 * SECOND, to: TOPICS.readings10s },
          { ms: 60 * SECOND, to: TOPICS.readings1m },
        ],
        select: {
          count: count(),
          mean: mean(field('value')),
          p50: quantile(field('value'), 0.5),
          site: last(field('info', 'site')),
        },
        graceMs: 20 * SECOND,
        rememberMs: 60 * SECOND,
      }),
  ),
)[0]!;

/** Several parts of every kind in one task. */
const partedJob = compile(
  job('parted', parted(from<{ gateway: string; device: string; value: number }>(TOPICS.readings, { trusted: true }))),
)[0]!;

function parted(all: Flow<{ gateway: string; device: string; value: number }>) {
  const { low, rest } = all.branch({ low: lt(field('value'), 40) });
  const within = { as: ['low', 'high'], type: 'outer', beforeMs: 9_000, afterMs: 4_000, graceMs: 2_000 } as const;
  const pairs = low.join(rest, within);
  const byDevice = { by: { device: field('device') }, select: { count: count() }, graceMs: 20 * SECOND };
  return [
    low.windows({ ...byDevice, sizes: [{ ms: 10 * SECOND, to: TOPICS.readings10s }] }),
    rest.joinTable(TOPICS.devices, 'info').windows({
      ...byDevice,
      sizes: [{ gapMs: 5 * SECOND, to: TOPICS.readings1m }],
      emit: { earlyEveryMs: 2_000 },
    }),
    pairs.into(TOPICS.anomalies),
    pairs.join(all, { ...within, as: ['pair', 'all'], type: 'left' }).windows({
      by: { device: field('all', 'device') },
      select: { count: count() },
      sizes: [{ ms: 12 * SECOND, advanceMs: 4 * SECOND, to: TOPICS.webRequests10s }],
    }),
  ];
}

const event = fc.record({
  what: fc.constantFrom('reading', 'reading', 'reading', 'reading', 'device', 'tick'),
  after: fc.integer({ min: 0, max: 8_000 }),
  behind: fc.constantFrom(0, 0, 500, 3_000, 30_000, 200_000),
  gateway: fc.constantFrom('a', 'b'),
  device: fc.constantFrom('x', 'y', 'z'),
  lane: fc.constantFrom('live', 'live', 'live', 'alarm', 'backlog'),
  backlog: fc.boolean(),
  value: fc.integer({ min: 0, max: 100 }),
});

const events: fc.Arbitrary<Event[]> = fc.array(event, { maxLength: 120, size: 'max' }).map((list) => {
  let now = T;
  return list.map(({ what, after, behind, gateway, device, lane, backlog, value }, offset) => {
    now += after;
    if (what === 'tick') return { tick: now };
    const body =
      what === 'device' ? { id: device, site: `s-${value}`, type: 't' } : { gateway, device, value, ts: now - behind };
    const record = {
      key: device,
      value: Buffer.from(JSON.stringify(body)),
      headers: { lane, ...(backlog && { backlog: '1' }) },
      partition: 0,
      offset,
      appendedAt: now,
    };
    return { topic: what === 'device' ? 'devices' : 'iot.readings', record };
  });
});

/** How a task is restored: from all changes since its beginning, from a snapshot, or from one taken bit by bit and the changes since its beginning. */
type From = 'changes' | 'snapshot' | 'snapshot in pieces';

function run(step: Step, list: readonly Event[], cuts: readonly number[], how: From) {
  let task = step.createTask(0);
  let log: StateChange[] = [];
  /** Of the snapshot under way, and where in the log it begins. */
  let pieces: Iterator<StateChange> | undefined;
  let begun = 0;
  const commit = () => {
    // As a commit does: the changes are taken first, and written behind the piece.
    const changes = [...task.takeChanges()];
    const piece = pieces?.next();
    if (piece?.done === true) {
      pieces = undefined;
      log = log.slice(begun);
    } else if (piece !== undefined) log.push(JSON.parse(JSON.stringify(piece.value)));
    log.push(...JSON.parse(JSON.stringify(changes)));
  };
  const outputs: string[] = [];
  for (const [i, event] of list.entries()) {
    if (cuts.includes(i)) {
      commit();
      const from = JSON.stringify(how === 'snapshot' ? [...task.snapshot()] : log);
      task = step.createTask(0);
      task.restore(JSON.parse(from));
      pieces = undefined;
    }
    if (how === 'snapshot in pieces') {
      if (pieces === undefined && i % 16 === 0) {
        begun = log.length;
        pieces = task.snapshot()[Symbol.iterator]();
      }
      if (i % 2 === 0) commit();
    }
    if ('tick' in event) task.tick(event.tick);
    else task.process(event.topic, event.record);
    for (const { topic, key, value } of task.takeOutputs()) outputs.push(`${topic} ${key} ${value}`);
  }
  return outputs;
}

test.each([
  ['one part of a kind', 'changes', gatewayJob],
  ['one part of a kind', 'snapshot', gatewayJob],
  ['one part of a kind', 'snapshot in pieces', gatewayJob],
  ['several parts of a kind', 'changes', partedJob],
  ['several parts of a kind', 'snapshot', partedJob],
  ['several parts of a kind', 'snapshot in pieces', partedJob],
] as const)('a task that dies anywhere and is restored goes on as if it had lived: %s, from %s', (_, how, step) => {
  fc.assert(
    fc.property(events, fc.array(fc.nat(120), { maxLength: 6 }), (list, cuts) => {
      expect(run(step, list, cuts, how)).toEqual(run(step, list, [], 'changes'));
    }),
    { numRuns: 300, endOnFailure: true },
  );
});

test('a window entry is written once, however many records touched it', () => {
  const task = gatewayJob.createTask(0);
  for (let offset = 0; offset < 1_000; offset++) {
    const value = Buffer.from(JSON.stringify({ gateway: 'a', device: 'x', value: 1, ts: T + offset }));
    task.process('iot.readings', { key: 'x', value, headers: {}, partition: 0, offset, appendedAt: T + offset });
  }
  expect([...task.takeChanges()].map(({ key }) => key)).toEqual(['o/a', 'S', 'W', 'W']);
  expect([...task.takeChanges()]).toEqual([]);
});

test('any order within the allowed disorder gives the same final rows', () => {
  const gaps = fc.array(
    fc.record({
      gap: fc.integer({ min: 0, max: 4_000 }),
      jitter: fc.integer({ min: 0, max: 1_999 }),
      device: fc.constantFrom('x', 'y'),
    }),
    { maxLength: 100 },
  );
  const finals = (list: readonly { ts: number; device: string }[]) => {
    const end = ['x', 'y'].map((device) => ({ ts: T + 1_000_000, device }));
    const task = gatewayJob.createTask(0);
    const rows = new Map<string, unknown>();
    for (const [offset, { ts, device }] of [...list, ...end].entries()) {
      const value = Buffer.from(JSON.stringify({ gateway: 'a', device, value: ts % 100, ts }));
      task.process('iot.readings', {
        key: device,
        value,
        headers: {},
        partition: 0,
        offset,
        appendedAt: T + 1_000_000,
      });
    }
    for (const { topic, key, value } of task.takeOutputs()) {
      const { revision, ...row } = JSON.parse(String(value));
      expect(revision).toBe(0);
      rows.set(`${topic} ${key} ${row.windowStart}`, row);
    }
    return Object.fromEntries([...rows].sort(([a], [b]) => (a < b ? -1 : 1)));
  };
  fc.assert(
    fc.property(gaps, (steps) => {
      let ts = T;
      const records = steps.map(({ gap, jitter, device }) => {
        ts += gap;
        return { ts, device, arrival: ts + jitter };
      });
      expect(finals(records.toSorted((a, b) => a.arrival - b.arrival))).toEqual(finals(records));
    }),
  );
});
