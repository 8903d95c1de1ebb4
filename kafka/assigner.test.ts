import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sharePartitions } from './assigner.ts';

const members = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 6 });

test('every partition number goes to exactly one member, as evenly as can be', () => {
  fc.assert(
    fc.property(members, fc.nat(32), fc.array(fc.nat(40)), (names, count, claimed) => {
      const owned = new Map(names.map((n, i) => [n, claimed.filter((c) => c % names.length <= i)]));
      const share = sharePartitions(count, owned);
      expect([...share.values()].flat().sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
      const sizes = [...share.values()].map((s) => s.length);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }),
  );
});

test('a member that joins takes only what it must', () => {
  const share = sharePartitions(
    4,
    new Map([
      ['a', [0, 1, 2, 3]],
      ['b', []],
    ]),
  );
  expect(share.get('a')).toHaveLength(2);
  const three = sharePartitions(
    6,
    new Map([
      ['a', [0, 1, 2]],
      ['b', [3, 4, 5]],
      ['c', []],
    ]),
  );
  expect(three.get('a')).toEqual([0, 1]);
  expect(three.get('b')).toEqual([3, 4]);
  expect(three.get('c')).toEqual([2, 5]);
});

test('a number that two members claim is kept by neither as of right', () => {
  const share = sharePartitions(
    2,
    new Map([
      ['a', [0, 1]],
      ['b', [1]],
    ]),
  );
  expect([...share.values()].flat().sort()).toEqual([0, 1]);
  expect(share.get('a')).toEqual([0]);
});
