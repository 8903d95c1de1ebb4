import { describe, expect, test } from 'vitest';
import { isFilter, TopicRules } from './filters.ts';

const pump = { username: 'pump', clientId: 'pump-7' };

describe('a rule allows a topic', () => {
  test.each([
    ['devices/pump', ['devices/pump'], true],
    ['devices/pump/x', ['devices/pump'], false],
    ['devices/pump/x/y', ['devices/pump/#'], true],
    ['devices/pump', ['devices/pump/#'], true],
    ['devices/pumps', ['devices/pump/#'], false],
    ['devices/pump/x', ['devices/{username}/#'], true],
    ['devices/pump-7/x', ['devices/{clientid}/+'], true],
    ['devices/other/x', ['devices/{username}/#'], false],
    ['tele/a/SENSOR', ['tele/+/SENSOR'], true],
    ['tele/a/b/SENSOR', ['tele/+/SENSOR'], false],
    ['anything', ['#'], true],
    ['$SYS/x', ['#'], false],
    ['$SYS/x', ['+/x'], false],
    ['a/b', ['#', '!a/#'], false],
    ['c/b', ['#', '!a/#'], true],
    ['a', [], false],
  ])('%s under %j: %s', (topic, filters, allowed) => {
    expect(new TopicRules(filters, pump).allows(topic)).toBe(allowed);
  });
});

describe('a rule grants a subscription', () => {
  test.each([
    ['commands/pump/#', ['commands/{username}/#'], true],
    ['commands/pump/+', ['commands/{username}/#'], true],
    ['commands/+/start', ['commands/{username}/#'], false],
    ['#', ['commands/#'], false],
    ['commands/#', ['commands/+'], false],
    ['+/+', ['#'], true],
    ['$SYS/#', ['#'], false],
    ['secret/x', ['#', '!secret/#'], false],
    ['#', ['#', '!secret/#'], true],
    ['a/#/b', ['#'], false],
    ['commands/x', [], false],
  ])('%s under %j: %s', (filter, filters, granted) => {
    expect(new TopicRules(filters, pump).grants(filter)).toBe(granted);
  });
});

test.each(['#', '+', 'a/b', 'pump', 'a/../#'])('a device cannot choose its rights by calling itself %s', (name) => {
  const rules = new TopicRules(['devices/{username}/#', 'x/{clientid}'], {
    username: `${name}/`,
    clientId: `+${name}`,
  });
  expect(rules.isEmpty).toBe(true);
});

test('an account placeholder allows nothing where nobody logged in', () => {
  expect(new TopicRules(['devices/{username}/#'], { clientId: 'x' }).allows('devices//x')).toBe(false);
});

test('wildcards stand alone in their level', () => {
  const filters = ['a/+/b', '#', 'a/#', '+', '/'];
  expect(filters.filter(isFilter)).toEqual(filters);
  expect(['a+/b', 'a#', '#/a', '', 'a/b#'].filter(isFilter)).toEqual([]);
});
