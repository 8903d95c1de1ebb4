import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Clock, Reading } from '../../contract/index.ts';
import { readingProblem } from './reading-check.ts';

const good = {
  device: 'mc-1',
  gateway: 'gw-1',
  site: 'roof',
  metric: 'temperature',
  value: 21.4,
  unit: 'Cel',
  ts: 1_793_620_800_000,
  receivedAt: 1_793_620_800_010,
};

/** Values at the borders of what the schema allows, and of other types. */
const odd = fc.oneof(
  fc.constantFrom(
    ...['', 'a', '-a', 'a/b', 'ä', 'x'.repeat(32), 'x'.repeat(33), 'x'.repeat(64), 'x'.repeat(65)],
    ...[946_684_799_999, 946_684_800_000, 4_102_444_800_000, 4_102_444_800_001, 946_684_800_000.5, 2 ** 53],
    ...[-0, 0, 1.5, Number.MAX_VALUE, true, null, 'corrected', 'none'],
  ),
  fc.jsonValue(),
);

test('the check says what the schema says', () => {
  const fields = [...Object.keys(good), 'clock', 'extra'];
  fc.assert(
    fc.property(fc.constantFrom(...fields), odd, fc.boolean(), (field, value, remove) => {
      const { [field as keyof typeof good]: _, ...others } = good;
      const reading = remove ? others : { ...good, [field]: value };
      expect(readingProblem(reading) === undefined, JSON.stringify(reading)).toBe(Reading.safeParse(reading).success);
    }),
    { numRuns: 5_000 },
  );
  for (const clock of Clock.options) expect(readingProblem({ ...good, clock })).toBeUndefined();
});

test('what is no object at all is no reading', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(readingProblem(value) === undefined).toBe(Reading.safeParse(value).success);
    }),
  );
});

test('the problem names the field', () => {
  expect(readingProblem({ ...good, ts: 'now' })).toMatch(/^ts: /);
  expect(readingProblem({ ...good, unit: '' })).toMatch(/^unit: /);
});
