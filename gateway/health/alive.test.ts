import { expect, test } from 'vitest';
import { doneWithin } from './alive.ts';

test.each([
  ['answers', async () => {}, true],
  ['fails', () => Promise.reject(new Error('gone')), false],
  ['hangs', () => new Promise<void>(() => {}), false],
])('what %s in time is told so', async (_name, work, expected) => {
  expect(await doneWithin(20, work())).toBe(expected);
});
