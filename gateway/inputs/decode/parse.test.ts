import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from './parse.ts';

const line = (text: string) => parse({ source: 'serial:test', payload: Buffer.from(text) });
const publish = (topic: string, payload: string | Buffer) =>
  parse({ source: 'mqtt', topic, payload: Buffer.from(payload as string) });
const codes = (parsed: ReturnType<typeof parse>) => parsed.problems.map((problem) => problem.code);

test('takes a serial line with everything in it apart', () => {
  const text =
    '{"device":"mc-1","boot":"a1b2c3d4","n":17,"ts":1700000000000,"sentAt":1700000000100,"values":{"temperature":21.4,"humidity":48.2},"units":{"temperature":"[degF]"},"alarm":true,"lost":3}';
  expect(line(text)).toEqual({
    device: 'mc-1',
    values: [
      { metric: 'temperature', value: 21.4, unit: '[degF]' },
      { metric: 'humidity', value: 48.2, unit: '%' },
    ],
    problems: [],
    alarm: true,
    ts: 1_700_000_000_000,
    sentAt: 1_700_000_000_100,
    frame: { boot: 'a1b2c3d4', number: 17 },
    lost: 3,
  });
});

test('takes a plain number, an object with a value and an object with values over MQTT', () => {
  const value = { metric: 'temperature', value: 21.4, unit: 'Cel' };
  expect(publish('devices/d/temperature', '21.4')).toMatchObject({ device: 'd', values: [value], problems: [] });
  expect(publish('devices/d/temperature', '{"value":21.4,"ts":5}')).toMatchObject({ values: [value], ts: 5 });
  expect(publish('devices/d', '{"values":{"temperature":21.4}}')).toMatchObject({ values: [value] });
});

test('keeps the good values of a message and names each bad one', () => {
  const parsed = publish(
    'devices/d',
    '{"values":{"temperature":21,"humidity":130,"x y":1,"pressure":"980","voltage":null}}',
  );
  expect(parsed.values.map((value) => value.metric)).toEqual(['temperature']);
  expect(codes(parsed)).toEqual(['VALUE_OUT_OF_RANGE', 'METRIC_INVALID', 'VALUE_NOT_A_NUMBER', 'VALUE_NOT_A_NUMBER']);
  expect(parsed.problems[2]?.reason).toBe('pressure is "980", not a number');
});

describe('is refused with a code', () => {
  test.each([
    ['not JSON', '{"device":"mc-1","val', 'NOT_JSON'],
    ['NaN', '{"device":"d","values":{"temperature":NaN}}', 'NOT_JSON'],
    ['noise', '\u0000\u00ff\u0080garbage', 'NOT_JSON'],
    ['an array', '[1,2]', 'NOT_AN_OBJECT'],
    ['a number', '5', 'NOT_AN_OBJECT'],
    ['no device', '{"values":{"temperature":1}}', 'DEVICE_INVALID'],
    ['a device with a slash', '{"device":"a/b","values":{"temperature":1}}', 'DEVICE_INVALID'],
    ['no values', '{"device":"d"}', 'NO_VALUES'],
    ['empty values', '{"device":"d","values":{}}', 'NO_VALUES'],
    ['values as an array', '{"device":"d","values":[1]}', 'NO_VALUES'],
    ['a time as text', '{"device":"d","ts":"2024-01-01","values":{"temperature":1}}', 'TIME_INVALID'],
    ['a boot id without a number', '{"device":"d","boot":"aa","values":{"temperature":1}}', 'FRAME_INVALID'],
    ['a frame number of 0', '{"device":"d","boot":"aa","n":0,"values":{"temperature":1}}', 'FRAME_INVALID'],
    ['units that are not an object', '{"device":"d","units":3,"values":{"temperature":1}}', 'UNIT_INVALID'],
    ['an empty unit', '{"device":"d","units":{"temperature":""},"values":{"temperature":1}}', 'UNIT_INVALID'],
    ['infinity', '{"device":"d","values":{"temperature":1e999}}', 'VALUE_OUT_OF_RANGE'],
    ['a key of the object prototype', '{"device":"d","values":{"__proto__":1}}', 'METRIC_INVALID'],
  ])('a line with %s', (_name, text, code) => {
    const parsed = line(text);
    expect(parsed.values).toEqual([]);
    expect(codes(parsed)).toEqual([code]);
  });

  test.each([
    ['sensors/d/temperature', '1', 'TOPIC_UNKNOWN'],
    ['devices', '1', 'TOPIC_UNKNOWN'],
    ['devices/d/temperature/inside', '1', 'TOPIC_UNKNOWN'],
    ['$SYS/x', '1', 'TOPIC_UNKNOWN'],
    ['devices/+/temperature', '1', 'DEVICE_INVALID'],
    ['devices/d\ufffd/temperature', '1', 'DEVICE_INVALID'],
    ['devices//temperature', '1', 'DEVICE_INVALID'],
    ['devices/d/température', '1', 'METRIC_INVALID'],
    ['devices/d/', '1', 'METRIC_INVALID'],
    ['devices/d/temperature', '"21.4"', 'VALUE_NOT_A_NUMBER'],
    ['devices/d/temperature', '', 'NOT_JSON'],
    ['devices/d/temperature', '{"unit":"Cel"}', 'VALUE_NOT_A_NUMBER'],
    ['devices/d', '21.4', 'NOT_AN_OBJECT'],
  ])('topic %j with payload %j', (topic, payload, code) => {
    expect(codes(publish(topic, payload))).toEqual([code]);
  });

  test('a message with more values than anybody measures at once', () => {
    const values = Object.fromEntries(Array.from({ length: 257 }, (_, i) => [`m${i}`, i]));
    expect(codes(publish('devices/d', JSON.stringify({ values })))).toEqual(['TOO_MANY_VALUES']);
  });
});

test('a message nested deeper than it could be shown is a problem like any other', () => {
  const deep = `${'['.repeat(32_000)}${']'.repeat(32_000)}`;
  expect(codes(publish('devices/d/temperature', deep))).toEqual(['VALUE_NOT_A_NUMBER']);
  expect(codes(publish('devices/d', `{"values":{"temperature":${deep}}}`))).toEqual(['VALUE_NOT_A_NUMBER']);
  expect(codes(publish('devices/d', `{"ts":${deep},"values":{"temperature":1}}`))).toEqual(['TIME_INVALID']);
  expect(codes(line(`{"device":${deep},"values":{"temperature":1}}`))).toEqual(['DEVICE_INVALID']);
});

test('a number of lost frames that cannot be one is left out', () => {
  const lost = (text: string) => line(`{"device":"d","lost":${text},"values":{"x":1}}`).lost;
  expect([lost('7'), lost('1e308'), lost('0.5'), lost('"7"')]).toEqual([7, undefined, undefined, undefined]);
});

test('never throws and always gives values or problems, whatever the bytes', () => {
  const json = fc.json().map((text) => Buffer.from(text));
  const bytes = fc.uint8Array().map((array) => Buffer.from(array));
  fc.assert(
    fc.property(fc.oneof(json, bytes), fc.option(fc.string(), { nil: undefined }), (payload, topic) => {
      const parsed = parse({ source: 'test', payload, ...(topic !== undefined && { topic }) });
      expect(parsed.values.length + parsed.problems.length).toBeGreaterThan(0);
    }),
  );
});
