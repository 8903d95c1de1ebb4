import { expect, test } from 'vitest';
import type { IncomingBatch } from '../../kafka/index.ts';
import { Positions } from './positions.ts';

const batch = (from: number, next: number): IncomingBatch => ({
  topic: 'in',
  partition: 0,
  records: [],
  from,
  next,
  highWatermark: 100,
});

test('an input goes on at the checkpoint, and begins at its first record where there is none', () => {
  const positions = new Positions();
  expect(positions.start('in', { low: 5, high: 100 }, 40)).toBe(0);
  expect(positions.start('other', { low: 5, high: 100 }, undefined)).toBe(0);
  expect(positions.offsets).toEqual({ in: 40, other: 5 });
  expect(positions.lag).toBe(60 + 95);
});

test('records that retention deleted before they were processed are counted', () => {
  const positions = new Positions();
  expect(positions.start('in', { low: 50, high: 100 }, 40)).toBe(10);
  expect(positions.of('in')).toBe(50);
});

test('a topic shorter than the checkpoint was made anew, and is not taken for the old one', () => {
  expect(() => new Positions().start('in', { low: 0, high: 30 }, 40)).toThrow(/in ends at 30.*--reset-step/);
});

test('a batch that leaves a hole is refused, one that repeats is not', () => {
  const positions = new Positions();
  positions.start('in', { low: 0, high: 100 }, 40);
  positions.requireFollowedBy(batch(30, 50));
  expect(() => positions.requireFollowedBy(batch(41, 50))).toThrow('in/0 went on at 41 where 40 was next');
});

test('transaction markers that were passed over are no hole and no lag, but are not a position to go on from', () => {
  const positions = new Positions();
  positions.start('in', { low: 0, high: 100 }, 90);
  positions.skipped('in', 100);
  positions.requireFollowedBy(batch(100, 102));
  expect(positions.lag).toBe(0);
  expect(positions.of('in')).toBe(90);
});
