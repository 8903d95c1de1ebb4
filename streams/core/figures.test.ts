import { expect, test } from 'vitest';
import { TOPICS } from '../../contract/index.ts';
import { compile, count, field, from, type InputRecord, job, type Step, type Task } from './index.ts';

const T = Date.UTC(2026, 10, 2, 12);
const SECOND = 1_000;
/** A second topic by device. */
const EVENTS = { ...TOPICS.readings, name: TOPICS.traffic.name };

const windows = compile(
  job(
    'windows',
    from(TOPICS.readings, { trusted: true, outOfOrderMs: 2 * SECOND }).windows({
      by: { series: field('device') },
      sizes: [
        { ms: 10 * SECOND, to: TOPICS.readings10s },
        { ms: 60 * SECOND, to: TOPICS.readings1m },
      ],
      select: { count: count() },
      graceMs: 60 * SECOND,
    }),
  ),
)[0]!;
const pairs = from<object>(TOPICS.readings, { trusted: true })
  .join(from<object>(EVENTS, { trusted: true }), {
    as: ['reading', 'event'],
    type: 'inner',
    beforeMs: 5 * SECOND,
    afterMs: 2 * SECOND,
    graceMs: 10 * SECOND,
  })
  .map(() => ({}));
const join = compile(job('join', pairs.into(TOPICS.anomalies)))[0]!;

function put(task: Task, topic: string, key: string, seconds: number): void {
  const ts = T + seconds * SECOND;
  const value = Buffer.from(JSON.stringify({ device: key, gateway: 'g', ts }));
  const record: InputRecord = { key, value, headers: {}, partition: 0, offset: 0, appendedAt: ts };
  task.process(topic, record);
}

/** A life of the task that goes on from what it has. */
function heir(step: Step, task: Task): Task {
  const next = step.createTask(0);
  next.restore([...task.snapshot()].map((change) => structuredClone(change)));
  return next;
}

/** Series and windows in a snapshot; saved-series.ts says how they are written. */
const held = (task: Task) => {
  const entries = [...task.snapshot()].flatMap(({ key, value }) =>
    key === 'B' ? (value as [string, unknown[]][]) : [],
  );
  return entries.reduce((sum, [kind, { length }]) => sum + (length - 1) / (kind === 'S' ? 2 : 3), 0);
};

test('the entries that a task tells are those of its state, also in its next life; its watermark is that of the slowest', () => {
  let task = windows.createTask(0);
  expect(task.figures!()).toEqual({ watermark: undefined, entries: 0, held: 0 });
  for (let second = 0; second < 300; second += 3) {
    put(task, TOPICS.readings.name, `d${second % 7}`, second);
    const { entries, watermark } = task.figures!();
    expect(entries).toBe(held(task));
    expect(watermark).toBe(T + (second - 2) * SECOND);
    if (second % 60 === 0) task = heir(windows, task);
  }
  expect(task.figures!().entries).toBeGreaterThan(7);
});

test('what a join holds is told, and that it let go', () => {
  let task = join.createTask(0);
  let most = 0;
  for (let second = 0; second < 100; second++) {
    put(task, TOPICS.readings.name, 'a', second);
    if (second % 2 === 0) put(task, EVENTS.name, 'a', second);
    const figures = task.figures!();
    expect(figures.held).toBe([...task.snapshot()].filter(({ key }) => key.startsWith('j/')).length);
    expect(figures.entries).toBe(figures.held);
    most = Math.max(most, figures.held);
    if (second % 30 === 29) task = heir(join, task);
  }
  expect(most).toBeGreaterThan(10);
  expect(most).toBeLessThan(40);
});
