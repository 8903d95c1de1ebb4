import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matchesGlob } from './glob.ts';

test.each([
  ['temp*', 'temperature', true],
  ['*ature', 'temperature', true],
  ['*', '', true],
  ['a*b*c', 'a1b2c', true],
  ['a*b*c', 'a1c2b', false],
  ['temperature', 'temperature.1', false],
  ['BME280.*', 'BME280.Humidity', true],
  ['a.c', 'abc', false],
])('%s on %s: %s', (pattern, name, expected) => {
  expect(matchesGlob(pattern, name)).toBe(expected);
});

test('is what the regular expression of the pattern says, and takes no longer for many stars', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
  fc.assert(
    fc.property(text, text, (pattern, name) => {
      const expression = new RegExp(`^${pattern.replaceAll(/\*+/g, '.*')}$`);
      expect(matchesGlob(pattern, name)).toBe(expression.test(name));
    }),
  );
  expect(matchesGlob(`${'*a'.repeat(32)}*b`, 'a'.repeat(64))).toBe(false);
});
