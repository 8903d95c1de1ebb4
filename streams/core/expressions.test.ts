import { expect, test } from 'vitest';
import { and, compileExpression, concat, eq, field, gte, isNull, lt, not, or, replace } from './expressions.ts';

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
