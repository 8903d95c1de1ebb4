import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Topics, topicOf } from './topics.ts';

test.each([
  ['devices/mc-1/temperature', { device: 'mc-1', metric: 'temperature' }, true],
  ['devices/mc-1', { device: 'mc-1', metric: undefined }, true],
  ['devices/no name/temperature', { device: 'no name', metric: 'temperature' }, false],
  ['devices', undefined, false],
  ['devices/a/b/c', undefined, false],
  ['other/a/b', undefined, false],
])('%s', (text, names, isNamed) => {
  expect(topicOf(text)).toMatchObject({ names, isNamed });
});

test('what is remembered of topics is what they are, however many and however long', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat({ max: 6_000 }), fc.boolean()), { maxLength: 20 }), (asked) => {
      const topics = new Topics();
      for (let n = 0; n < 4_090; n++) topics.of(`devices/d-${n}`);
      for (const [n, isLong] of asked) {
        const text = `devices/d-${n}/${isLong ? 'x'.repeat(200) : 'x'}`;
        expect(topics.of(text)).toEqual(topicOf(text));
      }
    }),
    { numRuns: 20 },
  );
});
