import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TOPICS } from '../../contract/index.ts';
import { compile, count, field, from, job, type Task } from './index.ts';
import { Table } from './table.ts';

test('a row keeps its numbers among thousands, and begins with none when it is given again', () => {
  const table = new Table(2, 1);
  const rows = Array.from({ length: 3_000 }, () => table.take());
  for (const row of rows) {
    table.setFloat(row, 1, row + 0.5);
    table.setInt(row, 0, -row);
  }
  for (const row of rows)
    expect([table.float(row, 0), table.float(row, 1), table.int(row, 0)]).toEqual([0, row + 0.5, 0 - row]);
  table.free(1_500);
  expect(table.take()).toBe(1_500);
  expect([table.float(1_500, 1), table.int(1_500, 0)]).toEqual([0, 0]);
  expect(table.float(1_501, 1)).toBe(1_501.5);
});

test('a ticket is good until its row is freed, and not for the next that has the row', () => {
  const table = new Table(1, 0);
  const row = table.take();
  const first = table.ticket(row);
  expect(table.rowOf(first)).toBe(row);
  table.free(row);
  expect(table.rowOf(first)).toBe(-1);
  expect(table.take()).toBe(row);
  expect(table.rowOf(first)).toBe(-1);
  expect(table.rowOf(table.ticket(row))).toBe(row);
});

const SECOND = 1_000;
const T = Date.UTC(2026, 10, 2, 12);

const step = compile(
  job(
    'test',
    from(TOPICS.readings, { origin: field('gateway'), trusted: true, outOfOrderMs: SECOND }).windows({
      by: { gateway: field('gateway'), device: field('device') },
      sizes: [
        { ms: 4 * SECOND, advanceMs: 2 * SECOND, to: TOPICS.readings10s },
        { gapMs: 3 * SECOND, to: TOPICS.readings1m },
      ],
      select: { count: count() },
      graceMs: 4 * SECOND,
      rememberMs: 10 * SECOND,
    }),
  ),
)[0]!;

test('rows that are given again when a commit has taken the changes say nothing of those that had them before', () => {
  const reading = fc.record({
    gateway: fc.constantFrom('a', 'b'),
    device: fc.nat(2),
    afterMs: fc.oneof(fc.integer({ min: -4, max: 6 }), fc.constant(20)).map((half) => half * 500),
    commit: fc.boolean(),
  });
  const rowsOf = (task: Task) => task.takeOutputs().map(({ topic, value }) => `${topic} ${value}`);
  fc.assert(
    fc.property(fc.array(reading, { maxLength: 150 }), (readings) => {
      // Where no changes are taken no row is given again.
      const [committing, other] = [step.createTask(0), step.createTask(0)];
      const clocks = { a: T, b: T + 60 * SECOND };
      readings.forEach(({ gateway, device, afterMs, commit }, offset) => {
        const ts = clocks[gateway] + afterMs;
        clocks[gateway] = Math.max(clocks[gateway], ts);
        const value = Buffer.from(JSON.stringify({ gateway, device: `d${device}`, value: 1, ts }));
        for (const task of [committing, other])
          task.process('iot.readings', { key: null, value, headers: {}, partition: 0, offset, appendedAt: ts });
        if (commit) for (const _ of committing.takeChanges());
        expect(rowsOf(committing)).toEqual(rowsOf(other));
      });
      expect([...committing.snapshot()]).toEqual([...other.snapshot()]);
    }),
    { numRuns: 200 },
  );
});
