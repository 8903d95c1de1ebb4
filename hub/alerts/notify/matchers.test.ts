import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fits, parseMatcher, showMatcher } from './matchers.ts';

const matches = (text: string, labels: Record<string, string>) => fits(text.split(' ').map(parseMatcher), labels);

test.each([
  ['site=roof', { site: 'roof' }, true],
  ['site=roof', { site: 'roof-2' }, false],
  ['site=roof*', { site: 'roof-2' }, true],
  ['site=*of*2', { site: 'roof-2' }, true],
  ['site=a*a', { site: 'a' }, false],
  ['site=ab*ba', { site: 'aba' }, false],
  ['site!=roof', { site: 'cellar' }, true],
  ['site!=roof', {}, true],
  ['site=', {}, true],
  // A visitor of a web site may have asked for this; whoever silences it silences nothing else.
  ['path=/\\*', { path: '/*' }, true],
  ['path=/\\*', { path: '/cart' }, false],
  ['path=/\\**', { path: '/*/x' }, true],
  ['path=a\\b*', { path: 'a\\bc' }, true],
  ['site=*', {}, true],
  ['__proto__=* constructor=*', {}, true],
  ['constructor= valueOf!=a*', {}, true],
  ['constructor=*', { constructor: 'acme' }, true],
  ['site=roof device!=gw*', { site: 'roof', device: 'mc' }, true],
  ['site=roof device!=mc*', { site: 'roof', device: 'mc' }, false],
])('%s on %j: %s', (text, labels, expected) => {
  expect(matches(text, labels as Record<string, string>)).toBe(expected);
});

test.each(['site', '=x', 'a b=c', '9a=b', ''])('%j is no condition', (text) => {
  expect(() => parseMatcher(text)).toThrow(/no condition such as/);
});

test('a value may hold anything, and what is shown is read again', () => {
  expect(parseMatcher('path=/a=b!=c d')).toEqual({ label: 'path', op: '=', value: '/a=b!=c d' });
  expect(showMatcher(parseMatcher(' site != roof '))).toBe('site!=roof');
});

test('a pattern fits what a regular expression of the same meaning does', () => {
  const few = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
  fc.assert(
    fc.property(few, few, (pattern, text) => {
      const expected = new RegExp(`^${pattern.replaceAll('*', '[^]*')}$`).test(text.replaceAll('*', 'c'));
      expect(fits([{ label: 'x', op: '=', value: pattern }], { x: text.replaceAll('*', 'c') })).toBe(expected);
    }),
    { numRuns: 2_000 },
  );
});
