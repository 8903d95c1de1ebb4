import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createTables, newState } from './database.ts';
import { FRAME_WINDOW } from './frames.ts';
import { Repeats } from './repeats.ts';
import { frame, inbound } from './testing.ts';

function memory(): DatabaseSync {
  const db = new DatabaseSync(':memory:');
  createTables(db, newState(0));
  return db;
}

const limits = { boots: 3, clients: 4, packets: 64 };
const rows = (db: DatabaseSync, table: string) => db.prepare(`SELECT count(*) AS n FROM ${table}`).get()!.n;

test('frames are known exactly within the window up to the highest, and also after loading', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 5 * FRAME_WINDOW }), { maxLength: 200 }),
      fc.nat({ max: 2 ** 40 }),
      (steps, base) => {
        const numbers = steps.map((step) => base + step);
        const db = memory();
        let repeats = new Repeats(db);
        const seen = new Set<number>();
        let highest = 0;
        for (const number of numbers) {
          const expected = seen.has(number) || (highest > 0 && number <= highest - FRAME_WINDOW);
          expect(repeats.isRepeat(frame(number))).toBe(expected);
          if (!expected) repeats.remember(frame(number));
          seen.add(number);
          highest = Math.max(highest, number);
          repeats.save();
          if (number % 10 === 0) repeats = new Repeats(db);
        }
      },
    ),
  );
});

test('the boots used longest ago are forgotten', () => {
  const db = memory();
  const repeats = new Repeats(db, limits);
  for (const boot of ['1', '2', '3']) repeats.remember(frame(1, 'mc', boot));
  repeats.remember(frame(2, 'mc', '1'));
  repeats.remember(frame(1, 'mc', '4'));
  repeats.save();
  for (const known of [repeats, new Repeats(db, limits)]) {
    expect(['1', '2', '3', '4'].map((boot) => known.isRepeat(frame(1, 'mc', boot)))).toEqual([true, false, true, true]);
  }
  expect(rows(db, 'frames')).toBe(3);
});

test('a QoS 2 id is known until it is forgotten, alone or with all of its client', () => {
  const db = memory();
  const repeats = new Repeats(db, limits);
  for (const id of [inbound(1), inbound(2), inbound(3), inbound(1, 'c-2')]) repeats.remember(id);
  expect(repeats.forget({ client: 'c-1', packetId: 2 })).toBe(true);
  expect(repeats.forget({ client: 'c-1', packetId: 2 })).toBe(false);
  const known = (from: Repeats) => [1, 2, 3].map((packetId) => from.isRepeat(inbound(packetId)));
  expect(known(repeats)).toEqual([true, false, true]);
  expect(known(new Repeats(db, limits))).toEqual([true, false, true]);
  expect(repeats.forget({ client: 'c-1' })).toBe(true);
  expect(repeats.forget({ client: 'c-1' })).toBe(false);
  expect(known(new Repeats(db, limits))).toEqual([false, false, false]);
  expect(repeats.isRepeat(inbound(1, 'c-2'))).toBe(true);
  expect(rows(db, 'inbound')).toBe(1);
});

test('a client may have all its 65,535 QoS 2 ids unreleased, and unreleased ids stay within bounds', () => {
  const repeats = new Repeats(memory());
  const all = Array.from({ length: 65_535 }, (_, at) => inbound(at + 1));
  for (const id of all) repeats.remember(id);
  expect(all.every((id) => repeats.isRepeat(id))).toBe(true);

  const db = memory();
  const small = new Repeats(db, limits);
  for (const client of ['a', 'b', 'c', 'd', 'e']) {
    for (let id = 1; id <= 40; id++) small.remember(inbound(id, client));
  }
  expect(rows(db, 'inbound')).toBeLessThanOrEqual(limits.packets);
  expect(small.isRepeat(inbound(40, 'a'))).toBe(false);
  expect(small.isRepeat(inbound(40, 'e'))).toBe(true);
});
