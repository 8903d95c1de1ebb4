import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createTables, newState } from './database.ts';
import { Repeats } from './repeats.ts';
import { frame, packet } from './testing.ts';

function memory(): DatabaseSync {
  const db = new DatabaseSync(':memory:');
  createTables(db, newState(0));
  return db;
}

const limits = { boots: 3, clients: 4, packets: 64 };
const rows = (db: DatabaseSync, table: string) => db.prepare(`SELECT count(*) AS n FROM ${table}`).get()!.n;

test('frames are known exactly within the 64 up to the highest, and also after loading', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 100 }), (numbers) => {
      const db = memory();
      let repeats = new Repeats(db);
      const seen = new Set<number>();
      let highest = 0;
      for (const number of numbers) {
        const expected = seen.has(number) || (highest > 0 && number <= highest - 64);
        expect(repeats.isRepeat(frame(number))).toBe(expected);
        if (!expected) repeats.remember(frame(number));
        seen.add(number);
        highest = Math.max(highest, number);
        repeats.save();
        if (number % 10 === 0) repeats = new Repeats(db);
      }
    }),
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

test('packets share the memory among their clients, and the clients heard longest ago are forgotten', () => {
  const db = memory();
  const repeats = new Repeats(db, limits);
  const known = (id: number, client: string) => repeats.isRepeat(packet(id, true, 'd', client));
  for (let id = 1; id <= 100; id++) repeats.remember(packet(id, false, 'd', 'a'));
  expect([known(36, 'a'), known(37, 'a')]).toEqual([false, true]);
  for (const client of ['b', 'c', 'd']) {
    for (let id = 1; id <= 20; id++) repeats.remember(packet(id, false, 'd', client));
  }
  expect(rows(db, 'packets')).toBeLessThanOrEqual(limits.packets);
  expect([known(84, 'a'), known(85, 'a'), known(4, 'd'), known(5, 'd')]).toEqual([false, true, false, true]);
  repeats.remember(packet(1, false, 'd', 'e'));
  expect([known(100, 'a'), known(1, 'e')]).toEqual([false, true]);
});
