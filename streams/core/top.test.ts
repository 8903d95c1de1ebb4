import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Top } from './top.ts';

/** Many more values than there are counters, a few of them often (Zipf), the same for the same seed. */
function* values(seed: number, n: number): Generator<string> {
  let state = seed >>> 0;
  for (let i = 0; i < n; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield `/${Math.floor(20_000 ** (state / 2 ** 32))}`;
  }
}

function collect(of: Iterable<string>): Top {
  const top = new Top();
  for (const value of of) top.add(value);
  return top;
}

/** How often each value came, exactly. */
const counted = (of: Iterable<string>) => Map.groupBy(of, (value) => value);

/** What is promised of a summary of `all`. */
function checkBounds(top: Top, all: readonly string[]): void {
  const truth = counted(all);
  const bound = all.length / 512;
  const ranked = top.ranked(512);
  for (const { value, count, error } of ranked) {
    const exact = truth.get(value)?.length ?? 0;
    expect(error).toBeLessThanOrEqual(bound);
    expect(count).toBeGreaterThanOrEqual(exact);
    expect(count - error).toBeLessThanOrEqual(exact);
  }
  const known = new Set(ranked.map(({ value }) => value));
  for (const [value, { length }] of truth) if (length > bound) expect(known, `${value}: ${length}`).toContain(value);
}

const parts = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 6_000 })), { minLength: 1, maxLength: 5 });

test('of any values each count is within its bound, and whatever came often is there', () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 12_000 }), (seed, n) => {
      const all = [...values(seed, n)];
      checkBounds(collect(all), all);
    }),
    { numRuns: 20 },
  );
});

test('the bounds hold for summaries that were merged, and that took more values after that', () => {
  fc.assert(
    fc.property(parts, fc.nat(), (sizes, seed) => {
      const lists = sizes.map(([of, n]) => [...values(of, n)]);
      const more = [...values(seed, 2_000)];
      const merged = new Top();
      for (const list of lists) merged.merge(collect(list));
      for (const value of more) merged.add(value);
      checkBounds(merged, [...lists.flat(), ...more]);
    }),
    { numRuns: 20 },
  );
});

test('up to 512 different values are counted exactly, the most frequent first and equal ones by name', () => {
  const all = Array.from({ length: 5_000 }, (_, i) => `/${i % 7 === 0 ? 'home' : `page-${i % 511}`}`);
  const ranked = collect(all).ranked(512);
  const exact = [...counted(all)]
    .map(([value, { length }]) => ({ value, count: length, error: 0 }))
    .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
  expect(ranked).toEqual(exact);
  expect(collect(all).ranked(3)).toEqual(exact.slice(0, 3));
});

test('a flood of values that come once does not hide those that come often', () => {
  const all = Array.from({ length: 50_000 }, (_, i) => (i % 100 === 0 ? '/cart' : `/made-up-${i}`));
  const [first] = collect(all).ranked(1);
  expect(first).toMatchObject({ value: '/cart' });
  expect(first!.count - first!.error).toBeGreaterThan(300);
});

test('a summary that was saved goes on as if it had not been', () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 0, max: 5_000 }), fc.nat(), (seed, n, other) => {
      const undisturbed = collect(values(seed, n));
      const restored = Top.load(JSON.parse(JSON.stringify(undisturbed.save())));
      for (const value of values(other, 3_000)) {
        undisturbed.add(value);
        restored.add(value);
      }
      expect(restored.ranked(512)).toEqual(undisturbed.ranked(512));
    }),
    { numRuns: 20 },
  );
});

test('long values count by their first 128 characters, and what is saved fits into one record', () => {
  const top = collect(Array.from({ length: 600 }, (_, i) => `${i}${'\u0007'.repeat(2_000)}`));
  expect(top.ranked(1)[0]!.value).toHaveLength(128);
  expect(Buffer.byteLength(JSON.stringify(top.save()))).toBeLessThan(500_000);
});

test('nothing is no value', () => {
  const top = new Top();
  top.add(null);
  expect(top.ranked(5)).toEqual([]);
});
