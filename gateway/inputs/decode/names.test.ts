import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NAME } from '../../../contract/index.ts';
import { nameFor } from './names.ts';

test.each([
  ['shellyplus1pm-a8032ab12345', /^shellyplus1pm-a8032ab12345$/],
  ['0x00158d00018255df', /^0x00158d00018255df$/],
  ['kitchen/floor light', /^kitchen\.floor_light_[0-9a-f]{10}$/],
  ['Küche', /^Kuche_[0-9a-f]{10}$/],
  ['温度', /^x_[0-9a-f]{10}$/],
  ['_hidden', /^hidden_[0-9a-f]{10}$/],
  ['x'.repeat(65), /^x{53}_[0-9a-f]{10}$/],
])('%s gets the name %s', (foreign, name) => {
  expect(nameFor(foreign)).toMatch(name);
});

test('every text gets a valid name, and a valid name stays', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' })), (foreign) => {
      expect(nameFor(foreign)).toMatch(NAME);
      expect(nameFor(nameFor(foreign))).toBe(nameFor(foreign));
    }),
  );
});

test('two foreign names are never one, however alike they look', () => {
  const alike = fc.string({ unit: fc.constantFrom('a', ' ', '/', '_', '.', 'ä', 'a\u0308', '-'), maxLength: 80 });
  fc.assert(
    fc.property(alike, alike, (one, other) => {
      fc.pre(one !== other);
      expect(nameFor(one)).not.toBe(nameFor(other));
    }),
    { numRuns: 2_000 },
  );
  expect(nameFor('kitchen/light')).not.toBe(nameFor('kitchen.light'));
});
