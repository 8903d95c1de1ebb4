import { expect, test } from 'vitest';
import { Settlement, whenSettled } from './settlement.ts';

const waiter = (told: string[], name: string) => ({
  settle: (outcome: string) => void told.push(`${name} ${outcome}`),
});

test('waiters are told once each, in their order, and one that comes late is told too, after it has asked', async () => {
  const told: string[] = [];
  const settlement = new Settlement();
  for (const name of ['a', 'b', 'c']) settlement.tell(waiter(told, name));
  expect(told).toEqual([]);
  settlement.settle('stored');
  expect(told).toEqual(['a stored', 'b stored', 'c stored']);
  settlement.tell(waiter(told, 'late'));
  expect(told).toHaveLength(3);
  await settlement;
  expect(told.at(-1)).toBe('late stored');
});

test('it can be awaited before and after it is known, alone and with others', async () => {
  const [early, late] = [new Settlement(), new Settlement()];
  late.settle('duplicate');
  const both = Promise.all([early, late]);
  const mapped = early.then((outcome) => outcome.length);
  early.settle('refused');
  expect(await both).toEqual(['refused', 'duplicate']);
  expect(await mapped).toBe(7);
});

test('a promise in its place tells too, and one that fails says refused', async () => {
  const told: string[] = [];
  whenSettled(Promise.resolve('stored'), waiter(told, 'a'));
  whenSettled(Promise.reject(new Error('gone')), waiter(told, 'b'));
  await new Promise(setImmediate);
  expect(told).toEqual(['a stored', 'b refused']);
});
