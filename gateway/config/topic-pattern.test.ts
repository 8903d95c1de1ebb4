import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseTopicPattern } from './topic-pattern.ts';

test.each([
  ['sensors/{device}/{metric}', 'sensors/a/b', { device: 'a', metric: 'b' }],
  ['sensors/{device}/{metric}', 'sensors/a', undefined],
  ['sensors/{device}/{metric}', 'sensors/a/b/c', undefined],
  ['sensors/{device}/{metric}', 'other/a/b', undefined],
  ['+/{device}/x', 'anything/a/x', { device: 'a' }],
  ['a/#', 'a', {}],
  ['a/#', 'a/b/c', {}],
  ['a/#', 'b', undefined],
  ['zigbee2mqtt/{device#}', 'zigbee2mqtt/kitchen/light', { device: 'kitchen/light' }],
  ['zigbee2mqtt/{device#}', 'zigbee2mqtt', undefined],
  ['{device}/x', '/x', { device: '' }],
  ['#', '$SYS/broker/uptime', undefined],
  ['{device}/#', '$SYS/broker/uptime', undefined],
  ['$SYS/{metric#}', '$SYS/broker/uptime', { metric: 'broker/uptime' }],
])('%s on %s gives %o', (pattern, topic, named) => {
  expect(parseTopicPattern(pattern).match(topic)).toEqual(named);
});

test.each([
  ['a/#/b', 'last level'],
  ['{device#}/b', 'last level'],
  ['sensor-{device}', 'whole level'],
  ['a+/b', 'whole level'],
  ['{Device}', 'whole level'],
  ['{device}/{device}', 'twice'],
])('%s is refused: %s', (pattern, why) => {
  expect(() => parseTopicPattern(pattern)).toThrow(why);
});

test('what the named parts hold, put into the pattern, is the topic again', () => {
  const level = fc.string().map((text) => text.replaceAll(/[/$]/g, ''));
  fc.assert(
    fc.property(level, level, (device, metric) => {
      const topic = `x/${device}/${metric}`;
      expect(parseTopicPattern('x/{device}/{metric}').match(topic)).toEqual({ device, metric });
      expect(parseTopicPattern('x/{all#}').match(topic)).toEqual({ all: `${device}/${metric}` });
    }),
  );
});
