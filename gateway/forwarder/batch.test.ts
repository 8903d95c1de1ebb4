import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compose, type Ready } from './batch.ts';

const records = (count: number, bytes = 100): Ready[] =>
  Array.from({ length: count }, (_, at) => ({ sequence: at + 1, record: { key: null, value: null }, bytes }));
const lanes = (alarm: number, live: number, backlog: number) => ({
  alarm: records(alarm),
  live: records(live),
  backlog: records(backlog),
});
const limit = { records: 100, bytes: 1_000_000 };

test.each([
  ['alarms go first', lanes(150, 10, 10), { alarm: 100, live: 0, backlog: 0 }],
  ['the backlog has its share while live readings wait', lanes(10, 500, 500), { alarm: 10, live: 67, backlog: 23 }],
  ['the backlog takes what live readings leave', lanes(0, 5, 500), { alarm: 0, live: 5, backlog: 95 }],
  ['live readings take what the backlog leaves', lanes(0, 500, 3), { alarm: 0, live: 97, backlog: 3 }],
  ['the backlog alone has everything', lanes(0, 0, 500), { alarm: 0, live: 0, backlog: 100 }],
])('%s', (_, waiting, expected) => {
  expect(compose(waiting, limit, 0.25)).toEqual(expected);
});

test('a batch is within its limits, and leaves out nothing that would fit', () => {
  const lane = fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 20 });
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(lane, lane, lane, share, (alarm, live, backlog, backlogShare) => {
      const waiting = {
        alarm: alarm.flatMap((bytes) => records(1, bytes)),
        live: live.flatMap((bytes) => records(1, bytes)),
        backlog: backlog.flatMap((bytes) => records(1, bytes)),
      };
      const taken = compose(waiting, { records: 12, bytes: 1000 }, backlogShare);
      const batch = (['alarm', 'live', 'backlog'] as const).flatMap((name) => waiting[name].slice(0, taken[name]));
      const bytes = batch.reduce((sum, { bytes }) => sum + bytes, 0);
      expect(batch.length).toBeLessThanOrEqual(12);
      expect(bytes).toBeLessThanOrEqual(1000);
      for (const name of ['live', 'backlog'] as const) {
        const next = waiting[name][taken[name]];
        if (next && batch.length < 12) expect(bytes + next.bytes).toBeGreaterThan(1000);
      }
    }),
  );
});

test('a record larger than the limit goes alone', () => {
  const waiting = { alarm: [], live: records(2, 5000), backlog: records(2) };
  expect(compose({ ...waiting, backlog: [] }, { records: 10, bytes: 1000 }, 0.5)).toMatchObject({ live: 1 });
});
