import { expect, test } from 'vitest';
import { TOPICS } from '../../contract/index.ts';
import {
  compile,
  count,
  field,
  from,
  gte,
  job,
  last,
  max,
  mean,
  min,
  quantile,
  range,
  type StateChange,
  share,
  type Task,
  variance,
} from './index.ts';

const T = Date.UTC(2026, 10, 2, 12);
const SECOND = 1_000;

const step = compile(
  job(
    'test',
    from(TOPICS.readings, { origin: field('gateway'), trusted: true }).windows({
      by: { gateway: field('gateway'), device: field('device') },
      sizes: [
        { ms: 10 * SECOND, to: TOPICS.readings10s },
        { gapMs: 5 * SECOND, to: TOPICS.readings1m },
      ],
      select: {
        count: count(),
        mean: mean(field('value')),
        min: min(field('value')),
        max: max(field('value')),
        range: range(field('value')),
        spread: variance(field('value')),
        high: share(gte(field('value'), 3)),
        last: last(field('value')),
        p50: quantile(field('value'), 0.5),
      },
      graceMs: 20 * SECOND,
      rememberMs: 60 * SECOND,
    }),
  ),
)[0]!;

type Reading = readonly [device: string, second: number, value: number];

function put(task: Task, offset: number, device: string, second: number, value: number): void {
  const ts = T + second * SECOND;
  const bytes = Buffer.from(JSON.stringify({ gateway: 'gw', device, value, ts }));
  task.process('iot.readings', { key: device, value: bytes, headers: {}, partition: 0, offset, appendedAt: ts });
}

const rowsOf = (task: Task) => task.takeOutputs().map(({ topic, value }) => `${topic} ${value}`);
const asJson = (changes: Iterable<StateChange>): StateChange[] => JSON.parse(JSON.stringify([...changes]));

const BEFORE: readonly Reading[] = [
  ['a', 0, 1],
  ['b', 1, 2.5],
  ['a', 3, 4],
  ['a', 12, 3],
  ['b', 14, 5],
  ['a', 40, 7],
  ['a', 36, 7],
];
const AFTER: readonly Reading[] = [
  ['a', 44, 1],
  ['b', 31, 2],
  ['c', 45, 1],
  ['b', 120, 1],
  ['a', 121, 1],
];

/** What the task had written of BEFORE when each series and each window had an entry of its own. */
const WRITTEN_BEFORE_GROUPS: readonly (readonly [key: string, value?: unknown])[] = [
  ['o/gw', [1793620838000, 1793620838000, 1793620840000, 0, 0, 0, 1]],
  ['s/gw/gone', ['gw', ['gw', 'gone'], [0, 0], 0]],
  ['s/gw/a', ['gw', ['gw', 'a'], [1793620810000, 1793620808001], 0]],
  ['s/gw/b', ['gw', ['gw', 'b'], [1793620810000, 1793620806001], 0]],
  ['w/0/1793620800000/gw/a'],
  ['w/1/1793620800000/gw/a'],
  ['w/0/1793620800000/gw/b', [0, 1, null, [1, [1, 3], 3, 3, [3, 3], [1, 3, 0], [1, 1], [1, 3, 3], [[55, 1], [], 0]]]],
  ['w/0/1793620800000/gw/b'],
  ['w/1/1793620801000/gw/b'],
  [
    'w/0/1793620810000/gw/a',
    [1, 1793620840000, null, [1, [1, 3], 3, 3, [3, 3], [1, 3, 0], [1, 1], [1793620812000, 3, 3], [[55, 1], [], 0]]],
  ],
  [
    'w/1/1793620812000/gw/a',
    [
      1,
      1793620842001,
      null,
      [1, [1, 3], 3, 3, [3, 3], [1, 3, 0], [1, 1], [1793620812000, 3, 3], [[55, 1], [], 0]],
      1793620817000,
      [],
    ],
  ],
  [
    'w/0/1793620810000/gw/b',
    [1, 1793620840000, null, [1, [1, 5], 5, 5, [5, 5], [1, 5, 0], [1, 1], [1793620814000, 4, 5], [[81, 1], [], 0]]],
  ],
  [
    'w/1/1793620814000/gw/b',
    [
      1,
      1793620844001,
      null,
      [1, [1, 5], 5, 5, [5, 5], [1, 5, 0], [1, 1], [1793620814000, 4, 5], [[81, 1], [], 0]],
      1793620819000,
      [],
    ],
  ],
  [
    'w/0/1793620840000/gw/a',
    [
      0,
      1793620870000,
      ['live', 1793620850000],
      [1, [1, 7], 7, 7, [7, 7], [1, 7, 0], [1, 1], [1793620840000, 5, 7], [[98, 1], [], 0]],
    ],
  ],
  ['w/1/1793620840000/gw/a'],
  [
    'w/0/1793620830000/gw/a',
    [
      0,
      1793620860000,
      ['live', 1793620840000],
      [1, [1, 7], 7, 7, [7, 7], [1, 7, 0], [1, 1], [1793620836000, 6, 7], [[98, 1], [], 0]],
    ],
  ],
  [
    'w/1/1793620836000/gw/a',
    [
      0,
      1793620870001,
      ['live', 1793620845001],
      [2, [2, 14], 7, 7, [7, 7], [2, 7, 0], [2, 2], [1793620840000, 5, 7], [[98, 2], [], 0]],
      1793620845000,
      [],
    ],
  ],
  ['s/gw/gone'],
];

test('what was written when each window had an entry of its own is read', () => {
  const undisturbed = step.createTask(0);
  BEFORE.forEach((of, i) => {
    put(undisturbed, i, ...of);
  });
  undisturbed.takeOutputs();
  const heir = step.createTask(0);
  heir.restore(WRITTEN_BEFORE_GROUPS.map(([key, value]) => ({ key, value })));
  expect(asJson(heir.snapshot())).toEqual(asJson(undisturbed.snapshot()));
  for (const task of [undisturbed, heir])
    AFTER.forEach((of, i) => {
      put(task, BEFORE.length + i, ...of);
    });
  const rows = rowsOf(heir);
  expect(rows).toEqual(rowsOf(undisturbed));
  expect(rows.length).toBeGreaterThan(5);
});

test('series and windows of the same times have one entry, of not more than some hundreds', () => {
  const task = step.createTask(0);
  for (let i = 0; i < 1_000; i++) put(task, i, `d${i}`, 0, i);
  const changes = [...task.takeChanges()];
  // A session's times are its own.
  const windows = changes.filter(({ key, value }) => key === 'W' && (value as [[number]])[0][0] === 0);
  for (const entries of [windows, changes.filter(({ key }) => key === 'S')]) {
    expect(entries.length).toBeGreaterThan(2);
    expect(entries.length).toBeLessThan(10);
  }
  const parts = [...task.snapshot()].filter(({ key }) => key === 'B');
  expect(parts.length).toBeGreaterThan(10);
});

test('a snapshot in pieces, and what changes between them, is the state, whatever is forgotten and comes meanwhile', () => {
  const task = step.createTask(0);
  let offset = 0;
  for (; offset < 1_000; offset++) put(task, offset, `d${offset}`, 0, offset);
  asJson(task.takeChanges());
  const log: StateChange[] = [];
  const pieces = task.snapshot()[Symbol.iterator]();
  let piece = pieces.next();
  for (let second = 1; piece.done !== true || second < 100; second++) {
    // Of each three one comes again and again; most of the others are forgotten, and some begin anew.
    for (let i = 0; i < 1_000; i += second % 20 === 0 ? 1 : 3) put(task, offset++, `d${i}`, second, i);
    put(task, offset++, `new-${second}`, second, 1);
    const changes = asJson(task.takeChanges());
    if (piece.done !== true) log.push(JSON.parse(JSON.stringify(piece.value)));
    log.push(...changes);
    piece = pieces.next();
  }
  const heir = step.createTask(0);
  heir.restore(log);
  task.takeOutputs();
  for (const one of [task, heir]) for (let i = 0; i < 1_000; i++) put(one, offset + i, `d${i}`, i < 500 ? 95 : 400, i);
  expect(rowsOf(heir)).toEqual(rowsOf(task));
});
