import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LANES } from '../../contract/index.ts';
import { saysDamaged } from './database.ts';
import { Store } from './store.ts';
import { crash, type Folder, folder, frame, message, optionsFor, reading, TestClock } from './testing.ts';
import type { Stored } from './types.ts';

/** The same damage in every run unless another seed is given; a failure prints the seed and the path that repeat it. */
const SEED = Number(process.env.HEADWATER_FAULT_SEED ?? 1);
const TIME_LIMIT_MS = 15_000;
const none = new Map<number, number>();

interface Damage {
  readonly file: string;
  readonly how: 'flip' | 'noise' | 'zeros' | 'cut';
  readonly permille: number;
  readonly length: number;
}

const damage: fc.Arbitrary<Damage> = fc.record({
  file: fc.oneof(
    { weight: 6, arbitrary: fc.constant('buffer.db') },
    { weight: 4, arbitrary: fc.constant('buffer.db-wal') },
    fc.constant('buffer.session'),
  ),
  how: fc.constantFrom('flip' as const, 'noise' as const, 'zeros' as const, 'cut' as const),
  permille: fc.nat({ max: 999 }),
  length: fc.integer({ min: 1, max: 9000 }),
});

/** True where the journal is damaged so near its end that this cannot be told from a power cut. */
function inflict({ path }: Folder, { file, how, permille, length }: Damage): boolean {
  const name = join(path, file);
  if (!existsSync(name)) return false;
  const bytes = readFileSync(name);
  const at = Math.floor((bytes.length * permille) / 1000);
  if (how === 'cut') truncateSync(name, at);
  else {
    for (let place = at; place < Math.min(bytes.length, at + (how === 'flip' ? 1 : length)); place++) {
      bytes[place] = how === 'flip' ? bytes[place]! ^ 0x10 : how === 'zeros' ? 0 : (place * 31 + at) & 0xff;
    }
    writeFileSync(name, bytes, { flag: 'r+' });
  }
  return file === 'buffer.db-wal' && (how === 'cut' || at + length > bytes.length - 45_000);
}

/** Opens the buffer and reads everything, again when that meets damage: as the gateway does. */
function openAndRead(dir: Folder, openings: string[]): { store: Store; found: Stored[] } {
  for (;;) {
    const store = new Store(optionsFor(dir.path), new TestClock());
    openings.push(store.recovered ?? 'sound');
    expect(openings.length).toBeLessThan(5);
    try {
      return { store, found: LANES.flatMap((_, lane) => store.peek(lane, 0, 1_000_000, 1_000_000_000)) };
    } catch (error) {
      if (!saysDamaged(error)) throw error;
      store.close((error as Error).message);
    }
  }
}

test('whatever bytes are damaged, the buffer opens, keeps what can be read, tells, and gives no identity twice', () => {
  fc.assert(
    fc.property(
      fc.record({
        records: fc.integer({ min: 1, max: 1500 }),
        thenInJournal: fc.nat({ max: 40 }),
        released: fc.nat({ max: 100 }),
        killed: fc.boolean(),
        damages: fc.array(damage, { minLength: 1, maxLength: 3 }),
      }),
      ({ records, thenInJournal, released, killed, damages }) => {
        using dir = folder({ inMemory: true });
        const given = new Map<string, string>();
        const first = new Store(optionsFor(dir.path), new TestClock());
        const { incarnation } = first;
        first.commit(
          Array.from({ length: records }, (_, n) => message({ n, padding: 'x'.repeat((n * 37) % 400) }, frame(n + 1))),
          none,
        );
        first.close();
        const store = new Store(optionsFor(dir.path), new TestClock());
        const note = () => {
          for (const { identity, value } of LANES.flatMap((_, lane) => store.peek(lane, 0, 1e6, 1e9)))
            given.set(identity, value);
        };
        note();
        if (released > 0) store.commit([], new Map([[1, Math.floor((records * released) / 100)]]));
        for (let n = 0; n < thenInJournal; n++) {
          store.commit([{ entries: [reading({ later: n }, n % 3 === 0)] }], none);
        }
        note();
        const { last } = store;
        if (killed) crash(dir, store);
        else store.close();
        const asAfterPowerCut = damages.map((each) => inflict(dir, each)).includes(true);

        const openings: string[] = [];
        const { store: opened, found } = openAndRead(dir, openings);
        const wasRepaired = openings.some((opening) => opening !== 'sound');
        // Bytes changed within a value can be read, and change nothing else.
        const changed = found.filter(({ identity, kind, value }) => {
          const before = given.get(identity);
          return kind === 'reading' && before !== undefined && before !== value;
        });
        expect(changed.length).toBeLessThanOrEqual(damages.length * 600);
        for (const { identity, kind, value } of found) {
          if (kind !== 'reading' || given.has(identity)) continue;
          // Salvaged without its old number.
          expect(wasRepaired).toBe(true);
          expect(identity.startsWith(incarnation)).toBe(false);
          expect(() => JSON.parse(value)).not.toThrow();
        }
        for (const lane of LANES) {
          const its = found.filter((record) => record.lane === lane);
          for (const [at, { sequence, kind, value }] of its.entries()) {
            const from = kind === 'evicted' ? JSON.parse(value).from : sequence;
            if (at > 0 && kind !== 'evicted') expect(from).toBe(its[at - 1]!.sequence + 1);
          }
        }
        opened.commit([message('new')], none);
        const lane = opened.last.findIndex(
          (sequence, at) => at > 0 && sequence > (found.findLast(({ lane }) => lane === LANES[at])?.sequence ?? 0),
        );
        const fresh = opened.peek(lane, opened.last[lane]! - 1, 1, 1e6)[0]!;
        expect(fresh.value).toBe('"new"');
        const [its, , number] = fresh.identity.split('/');
        if (its === incarnation && !asAfterPowerCut) expect(Number(number)).toBeGreaterThan(last[lane]!);
        opened.close();
        const again = new Store(optionsFor(dir.path), new TestClock());
        expect(again.recovered).toBe(null);
        again.close();
      },
    ),
    { seed: SEED, numRuns: 5_000, interruptAfterTimeLimit: TIME_LIMIT_MS, endOnFailure: false },
  );
});
