import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type FieldValue, type Line, parseLine } from './line-protocol.ts';

const plain = (line: Line) => ({
  ...line,
  tags: Object.fromEntries(line.tags),
  fields: Object.fromEntries(line.fields),
});

test('reads every kind of value', () => {
  const line =
    'weather,station=s1,room=2 t=21.5,n=-3i,u=7u,on=T,off=false,note="it \\"rains\\", C:\\\\x",e=1e-3 1556813561098000000';
  expect(plain(parseLine(line))).toEqual({
    measurement: 'weather',
    tags: { station: 's1', room: '2' },
    fields: { t: 21.5, n: -3, u: 7, on: true, off: false, note: 'it "rains", C:\\x', e: 0.001 },
    timestamp: '1556813561098000000',
  });
});

test('reads escaped names, and a backslash that escapes nothing as itself', () => {
  expect(plain(parseLine('my\\ plant\\,2,rack\\ no=a\\=b\\,c,dir=C:\\temp free\\ space=1'))).toEqual({
    measurement: 'my plant,2',
    tags: { 'rack no': 'a=b,c', dir: 'C:\\temp' },
    fields: { 'free space': 1 },
  });
});

test.each([
  ['', 'the measurement is missing (at character 1)'],
  [' x=1', 'the measurement is missing'],
  ['m', 'a space must come before the fields'],
  ['m,tag x=1', 'a tag must be key=value'],
  ['m,tag= x=1', 'the tag tag has no value'],
  ['m,a=b=c x=1', 'a space must come before the fields'],
  ['m x', 'a field must be key=value'],
  ['m x=', 'the field x is "", which is no value'],
  ['m x=1.2.3', 'which is no value'],
  ['m x=0x10', 'which is no value'],
  ['m x=NaN', 'which is no value'],
  ['m x="open', 'the string x has no closing quote'],
  ['m x="a"b', 'a space must come before the time stamp'],
  ['m x=1,', 'a field must be key=value'],
  ['m x=1 soon', 'the time stamp "soon" is no integer'],
  ['m x=1 5 6', 'there is more after the time stamp'],
])('refuses %j: %s', (line, why) => {
  expect(() => parseLine(line)).toThrow(why);
});

const escaped = (text: string) => text.replaceAll(/[\\,= ]/g, '\\$&');
const write = (value: FieldValue) =>
  typeof value === 'string'
    ? `"${value.replaceAll(/[\\"]/g, '\\$&')}"`
    : typeof value === 'number'
      ? `${value}`
      : `${value}`;

test('a line that was written by the rules is read back as it was', () => {
  const name = fc.string({
    unit: fc.constantFrom('a', 'B', '1', ' ', ',', '=', '\\', '"', 'ü', '#', '/'),
    minLength: 1,
    maxLength: 8,
  });
  const value = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
    fc.boolean(),
    fc.string({ unit: 'grapheme' }).filter((text) => !/[\r\n]/.test(text)),
  );
  const line = fc.record({
    measurement: name,
    tags: fc.dictionary(name, name, { maxKeys: 4, noNullPrototype: true }),
    fields: fc.dictionary(name, value, { minKeys: 1, maxKeys: 4, noNullPrototype: true }),
    timestamp: fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String), { nil: undefined }),
  });
  fc.assert(
    fc.property(line, ({ measurement, tags, fields, timestamp }) => {
      const tagged = Object.entries(tags).map(([key, its]) => `,${escaped(key)}=${escaped(its)}`);
      const written = Object.entries(fields).map(([key, its]) => `${escaped(key)}=${write(its)}`);
      const text = `${escaped(measurement)}${tagged.join('')} ${written.join(',')}${timestamp === undefined ? '' : ` ${timestamp}`}`;
      const expected = { measurement, tags, fields, ...(timestamp !== undefined && { timestamp }) };
      expect(plain(parseLine(text))).toEqual(expected);
    }),
  );
});
