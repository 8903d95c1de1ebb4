import { expect, test } from 'vitest';
import {
  and,
  compileExpression,
  concat,
  eq,
  field,
  gte,
  isNull,
  lt,
  minus,
  not,
  or,
  plus,
  replace,
  times,
  when,
} from './expressions.ts';

const on = (value: unknown) => (expression: Parameters<typeof compileExpression>[0]) =>
  compileExpression(expression)(value);

test('what is missing is null, however deep', () => {
  const evaluate = on({ a: { b: 1 }, c: null });
  expect(evaluate(field('a', 'b'))).toBe(1);
  expect(evaluate(field('a', 'b', 'c'))).toBeNull();
  expect(evaluate(field('c', 'd'))).toBeNull();
  expect(evaluate(field('nothing'))).toBeNull();
  expect(evaluate(isNull(field('nothing')))).toBe(true);
});

test('a comparison with null is null, and so are its consequences unless they do not depend on it', () => {
  const evaluate = on({ status: 503 });
  const unknown = gte(field('missing'), 1);
  expect(evaluate(gte(field('status'), 500))).toBe(true);
  expect(evaluate(unknown)).toBeNull();
  expect(evaluate(not(unknown))).toBeNull();
  expect(evaluate(and(unknown, lt(field('status'), 500)))).toBe(false);
  expect(evaluate(or(unknown, eq(field('status'), 503)))).toBe(true);
  expect(evaluate(or(unknown, eq(field('status'), 200)))).toBeNull();
});

test('texts are joined and rewritten', () => {
  const evaluate = on({ device: 'mc-1', metric: 'temperature', path: '/items/42/parts/7' });
  expect(evaluate(concat(field('device'), '/', field('metric')))).toBe('mc-1/temperature');
  expect(evaluate(concat(field('device'), field('missing')))).toBeNull();
  expect(evaluate(replace(field('path'), '/[0-9]+(?=/|$)', '/:n'))).toBe('/items/:n/parts/:n');
});

test('numbers are reckoned with, and what lacks an operand has no result', () => {
  const evaluate = on({ temperature: 30, humidity: 50 });
  expect(evaluate(plus(field('temperature'), minus(1, times(0.5, field('humidity')))))).toBe(6);
  expect(evaluate(times(field('missing'), 2))).toBeNull();
});

test('a value that is conditional is null where the condition is not true', () => {
  const evaluate = on({ metric: 'humidity', value: 50 });
  expect(evaluate(when(eq(field('metric'), 'humidity'), field('value')))).toBe(50);
  expect(evaluate(when(eq(field('metric'), 'temperature'), field('value')))).toBeNull();
  expect(evaluate(when(eq(field('missing'), 1), 2))).toBeNull();
});
