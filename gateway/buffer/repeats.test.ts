import { openSync, readFileSync, writeSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createTables, newState, PAGE_BYTES } from './database.ts';
import { MOST_RUNS } from './frames.ts';
import { Repeats } from './repeats.ts';
import { folder, frame, inbound, packet } from './testing.ts';

function memory(): DatabaseSync {
  const db = new DatabaseSync(':memory:');
  createTables(db, newState(0));
  return db;
}

const limits = { boots: 3, runs: 100, clients: 4, packets: 64 };
const rows = (db: DatabaseSync, table: string) => db.prepare(`SELECT count(*) AS n FROM ${table}`).get()!.n;

test('numbers are known exactly, whatever their order and the leaps between them, and also after loading', () => {
  const steps = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 3_000 }), fc.nat({ max: 2 ** 52 }));
  fc.assert(
    fc.property(fc.array(steps, { maxLength: MOST_RUNS, size: 'max' }), fc.nat({ max: 2 ** 40 }), (steps, base) => {
      const db = memory();
      let repeats = new Repeats(db);
      const seen = new Set<number>();
      for (const number of steps.map((step) => base + step)) {
        expect(repeats.isRepeat(frame(number))).toBe(seen.has(number));
        if (!seen.has(number)) repeats.remember(frame(number));
        seen.add(number);
        repeats.save();
        if (number % 10 === 0) repeats = new Repeats(db);
      }
      for (const number of seen) {
        expect(repeats.isRepeat(frame(number))).toBe(true);
        for (const beside of [number - 1, number + 1]) {
          expect(repeats.isRepeat(frame(beside))).toBe(seen.has(beside));
        }
      }
    }),
  );
});

const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('remember' as const),
      boot: fc.constantFrom('a', 'b'),
      // A few together, from anywhere, or from behind what was highest; beside the leaps of two that the boot may begin with, and in their gaps.
      from: fc.oneof(
        fc.nat({ max: 4 * MOST_RUNS }),
        fc.nat({ max: 2 ** 52 }),
        fc.record({ beyond: fc.integer({ min: 1, max: 3 }) }),
      ),
      count: fc.integer({ min: 1, max: 5 }),
      down: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('commit' as const, 'undo' as const, 'kill' as const) }) },
);

/** One boot's numbers as a plain set, of which the lowest that stand together go when there are too many such groups. */
class PlainMemory {
  readonly numbers: Set<number>;
  constructor(numbers: Iterable<number> = []) {
    this.numbers = new Set(numbers);
  }

  get highest(): number {
    return Math.max(0, ...this.numbers);
  }

  remember(number: number): void {
    this.numbers.add(number);
    const groups: number[][] = [];
    for (const each of [...this.numbers].sort((a, b) => a - b)) {
      if (groups.at(-1)?.at(-1) === each - 1) groups.at(-1)!.push(each);
      else groups.push([each]);
    }
    if (groups.length <= MOST_RUNS) return;
    for (const each of groups.find((group) => !group.includes(number))!) this.numbers.delete(each);
  }
}

test('whatever comes, is undone or cut off by a kill, each boot is known as a plain set of its numbers, up to the bound on its runs', () => {
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }),
      fc.record({ a: fc.integer({ min: MOST_RUNS - 8, max: MOST_RUNS }), b: fc.constantFrom(0, MOST_RUNS - 2) }),
      (steps, leaps) => {
        const db = memory();
        let repeats = new Repeats(db);
        const plain = { a: new PlainMemory(), b: new PlainMemory() };
        const asked = new Set<number>();
        let committed = new Map<'a' | 'b', PlainMemory>();
        const remember = (boot: 'a' | 'b', number: number) => {
          const known = plain[boot].numbers.has(number);
          expect(repeats.isRepeat(frame(number, 'mc', boot))).toBe(known);
          if (known) return;
          repeats.remember(frame(number, 'mc', boot));
          plain[boot].remember(number);
          expect(repeats.isRepeat(frame(number, 'mc', boot))).toBe(true);
          asked.add(number);
        };
        const commit = () => {
          repeats.save();
          db.exec('COMMIT; BEGIN');
          committed = new Map([
            ['a', new PlainMemory(plain.a.numbers)],
            ['b', new PlainMemory(plain.b.numbers)],
          ]);
        };
        db.exec('BEGIN');
        for (const boot of ['a', 'b'] as const) {
          const numbers = Array.from({ length: leaps[boot] }, (_, at) => 2 * at + 2);
          for (const number of numbers) repeats.remember(frame(number, 'mc', boot));
          plain[boot] = new PlainMemory(numbers);
        }
        commit();
        for (const step of steps) {
          if (step.do === 'remember') {
            const { boot, from, count, down } = step;
            const first = typeof from === 'number' ? from : plain[boot].highest + from.beyond;
            for (let at = 0; at < count; at++) remember(boot, first + (down ? count - at : at));
          } else if (step.do === 'commit') commit();
          else {
            if (step.do === 'undo') repeats.save();
            db.exec('ROLLBACK; BEGIN');
            if (step.do === 'undo') repeats.load();
            else repeats = new Repeats(db);
            for (const [boot, { numbers }] of committed) plain[boot] = new PlainMemory(numbers);
          }
        }
        commit();
        for (const known of [repeats, new Repeats(db)]) {
          for (const boot of ['a', 'b'] as const) {
            for (const number of [...asked, ...plain[boot].numbers].flatMap((each) => [each - 1, each, each + 1])) {
              if (known.isRepeat(frame(number, 'mc', boot)) !== plain[boot].numbers.has(number)) {
                expect.fail(`${number} of boot ${boot} is not known as it should be`);
              }
            }
          }
        }
      },
    ),
    { numRuns: 500, interruptAfterTimeLimit: 4_000, endOnFailure: false },
  );
});

test('a device that sends what is new first, and then what waited for an hour, has all of it stored, and each repeat known', () => {
  const db = memory();
  const repeats = new Repeats(db);
  const numbers = [
    ...Array.from({ length: 100 }, (_, at) => 3_600 + at),
    ...Array.from({ length: 3_599 }, (_, at) => at + 1),
  ];
  for (const number of numbers) {
    expect(repeats.isRepeat(frame(number))).toBe(false);
    repeats.remember(frame(number));
  }
  repeats.save();
  for (const known of [repeats, new Repeats(db)])
    expect(numbers.every((number) => known.isRepeat(frame(number)))).toBe(true);
  expect(db.prepare('SELECT length(seen) AS bytes FROM frames').get()!.bytes).toBeLessThan(8);
});

test('an absurd number costs what comes after it nothing', () => {
  const repeats = new Repeats(memory());
  for (const number of [1, 2, Number.MAX_SAFE_INTEGER, 3, 4]) {
    expect(repeats.isRepeat(frame(number))).toBe(false);
    repeats.remember(frame(number));
    expect(repeats.isRepeat(frame(number))).toBe(true);
  }
});

test('numbers that leap all the time have the lowest forgotten, never what has just come, and nothing unknown counts as a repeat', () => {
  const db = memory();
  const repeats = new Repeats(db);
  for (let number = 10; number <= 10 * MOST_RUNS; number += 10) repeats.remember(frame(number));
  expect(repeats.isRepeat(frame(10))).toBe(true);
  repeats.remember(frame(5));
  expect([5, 10, 20, 15].map((number) => repeats.isRepeat(frame(number)))).toEqual([true, false, true, false]);
  repeats.remember(frame(10 * MOST_RUNS + 10));
  expect(repeats.isRepeat(frame(5))).toBe(false);
  repeats.save();
  expect(new Repeats(db).isRepeat(frame(20))).toBe(true);
});

test('where many devices leap, those used longest ago keep only the highest of their numbers', () => {
  const db = memory();
  const repeats = new Repeats(db, limits);
  const each = (boot: string) => {
    for (let number = 2; number <= 80; number += 2) repeats.remember(frame(number, 'mc', boot));
    repeats.save();
  };
  for (const boot of ['1', '2', '3']) each(boot);
  for (const known of [repeats, new Repeats(db, limits)]) {
    const of = (boot: string) => [2, 78, 80].map((number) => known.isRepeat(frame(number, 'mc', boot)));
    expect(['1', '2', '3'].map(of)).toEqual([
      [false, false, true],
      [true, true, true],
      [true, true, true],
    ]);
  }
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

test('a memory that could not be read is whole as soon as it can be', () => {
  using dir = folder({ inMemory: true });
  const path = `${dir.path}/buffer.db`;
  const db = new DatabaseSync(path);
  db.exec(`PRAGMA page_size = ${PAGE_BYTES}`);
  createTables(db, newState(0));
  const repeats = new Repeats(db);
  const ids = ['a-frame', 'a-packet', 'an-inbound'].flatMap((name) =>
    Array.from({ length: 2_000 }, (_, at) => {
      if (name === 'a-frame') return frame(at, `${name}-${at}`);
      return name === 'a-packet' ? packet(1, true, at, `${name}-${at}`) : inbound(at + 1, name);
    }),
  );
  db.exec('BEGIN');
  for (const id of ids) repeats.remember(id);
  repeats.save();
  db.exec('COMMIT');
  const whole = readFileSync(path);
  const file = openSync(path, 'r+');
  for (const name of ['a-frame', 'a-packet', 'an-inbound']) {
    const place = Math.floor(whole.lastIndexOf(name) / PAGE_BYTES) * PAGE_BYTES;
    writeSync(file, Buffer.alloc(PAGE_BYTES, 0xa5), 0, PAGE_BYTES, place);
    db.exec('PRAGMA shrink_memory');
    expect(() => repeats.load(), name).toThrow('malformed');
    writeSync(file, whole, place, PAGE_BYTES, place);
    db.exec('PRAGMA shrink_memory');
    repeats.load();
    expect(ids.every((id) => repeats.isRepeat(id))).toBe(true);
  }
  db.close();
});
