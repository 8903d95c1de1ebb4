/** Names that people and strangers make up, through every part of a task's state and its checkpoint. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TOPICS } from '../../contract/index.ts';
import { compile, count, field, from, job, last, top } from '../core/index.ts';
import { type CheckpointLimits, CheckpointReader, CheckpointWriter } from './checkpoint.ts';
import { encodeFrame, FrameReader, type FrameRecord } from './frames.ts';

const T = Date.UTC(2026, 10, 2, 12);
const SECOND = 1_000;
const LIMITS: CheckpointLimits = { snapshotMinBytes: 2_000, snapshotRatio: 1, snapshotBytesPerCommit: 500 };

interface Named {
  readonly id: number;
  readonly a: string;
  readonly b: string;
}

function declared() {
  const left = from<Named>(TOPICS.readings, { origin: field('a'), trusted: true });
  const right = from<Named>({ ...TOPICS.readings, name: TOPICS.traffic.name }, { trusted: true });
  const by = { a: field('a'), b: field('b') };
  const select = { count: count(), last: last(field('b')), often: top(field('b'), 2) };
  return [
    left.joinTable(TOPICS.devices, 'info').windows({
      ...{ by, select, graceMs: 20 * SECOND, rememberMs: 40 * SECOND },
      sizes: [
        { ms: 10 * SECOND, to: TOPICS.readings10s },
        { gapMs: 5 * SECOND, to: TOPICS.readings1m },
      ],
    }),
    left
      .join(right, { as: ['left', 'right'], type: 'outer', beforeMs: 4 * SECOND, afterMs: 4 * SECOND })
      .into(TOPICS.anomalies),
    left.process<{ n: number }>({
      version: 1,
      series: field('b'),
      outputs: [TOPICS.alerts],
      init: () => ({ n: 0 }),
      step({ n }, { b }, _ts, { emit }) {
        emit(TOPICS.alerts, b, { b, n: n + 1 });
        return n > 3 ? undefined : { n: n + 1 };
      },
    }),
  ];
}
const [step] = compile(job('odd', declared()));

/** With what separates and marks parts of keys and frames, half characters, and more than a record of a state topic holds. */
const name = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      ...['', '/', ':', '1:', 'o/x', 'j/0/1/x', 'p/', 'S', '-W', 'B', '0', 'null', '__proto__', 'constructor'],
      ...['","changes":[', '\\', '"', '\n', '\0', '\ud800', '\udc00x', '😀', 'é', '\u2028'],
    ),
  },
  { weight: 4, arbitrary: fc.string({ unit: 'binary', maxLength: 6 }) },
  { weight: 1, arbitrary: fc.constant('x'.repeat(270_000)) },
);
const event = fc.record({
  what: fc.constantFrom('left', 'left', 'left', 'right', 'row', 'commit', 'death'),
  after: fc.constantFrom(0, 500, 2_000, 6_000),
  which: fc.nat(3),
  other: fc.nat(3),
});
const input = fc.record({
  names: fc.array(name, { minLength: 4, maxLength: 4 }),
  events: fc.array(event, { minLength: 20, maxLength: 60, size: 'max' }),
});

function run({ names, events }: typeof input extends fc.Arbitrary<infer I> ? I : never, disturbed: boolean): string[] {
  const log: FrameRecord[] = [...encodeFrame({ kind: 'open', owner: 'x' })];
  const start = () => {
    const task = step!.createTask(0);
    const reader = new CheckpointReader('log', step!.fingerprint, new FrameReader('log'), task);
    for (const [offset, { value, headers = {} }] of log.entries()) reader.push({ value, headers, offset });
    return { task, writer: new CheckpointWriter(task, step!.fingerprint, reader.finish(), LIMITS) };
  };
  let life = start();
  const commit = () => {
    if (life.writer.snapshotDue) life.writer.beginSnapshot();
    log.push(...life.writer.collect({}).records);
  };
  const outputs: string[] = [];
  let now = T;
  for (const [offset, { what, after, which, other }] of events.entries()) {
    now += after;
    const [a, b] = [names[which]!, names[other]!];
    if (what === 'commit' || what === 'death') {
      if (!disturbed) continue;
      commit();
      if (what === 'death') life = start();
      continue;
    }
    const isRow = what === 'row';
    const value = Buffer.from(
      JSON.stringify(isRow ? { id: 'd', site: 's', type: 't' } : { id: offset, a, b, ts: now }),
    );
    const topic = isRow ? 'devices' : what === 'left' ? 'iot.readings' : 'traffic.flow';
    life.task.process(topic, { key: a, value, headers: {}, partition: 0, offset, appendedAt: now });
    for (const put of life.task.takeOutputs()) outputs.push(`${put.topic} ${put.key} ${put.value}`);
  }
  return outputs;
}

test('whatever things are called, a task that dies goes on as if it had lived', () => {
  let dead = 0;
  fc.assert(
    fc.property(input, (of) => {
      const outputs = run(of, false);
      expect(run(of, true)).toEqual(outputs);
      dead += outputs.filter((put) => put.startsWith('dead-letters')).length;
    }),
    { numRuns: 20, endOnFailure: true },
  );
  // A row with very long names is more than Kafka takes: it alone is refused.
  expect(dead).toBeGreaterThan(0);
});
