import { expect, test } from 'vitest';
import { Trickle } from './trickle.ts';

test('many small steps in a row are a steady trickle, and a pause lets some go at once again', () => {
  const trickle = new Trickle(0, 4);
  for (let step = 0; step < 99; step++) trickle.step(0);
  expect(trickle.isSteady(0)).toBe(false);
  trickle.step(0);
  expect(trickle.isSteady(0)).toBe(true);
  expect(trickle.isSteady(1_000)).toBe(false);
  for (let step = 0; step < 4; step++) trickle.step(1_000);
  expect(trickle.isSteady(1_000)).toBe(true);
});

test('four small steps a second for ever are never a steady trickle', () => {
  const trickle = new Trickle(0, 4);
  for (let at = 0; at < 600_000; at += 250) {
    trickle.step(at);
    expect(trickle.isSteady(at)).toBe(false);
  }
});

test('unless one a second is said to be enough', () => {
  const trickle = new Trickle(0, 1);
  for (let at = 0; at < 60_000; at += 500) trickle.step(at);
  expect(trickle.isSteady(60_000)).toBe(false);
  for (let at = 60_000; at < 200_000; at += 500) trickle.step(at);
  expect(trickle.isSteady(200_000)).toBe(true);
});
