import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { csvField, rowReader } from './csv.ts';

const read = rowReader('timestamp,value');

describe('rowReader', () => {
  test.each([
    ['2025-01-02 03:04:05', Date.UTC(2025, 0, 2, 3, 4, 5)],
    ['2025-01-02T03:04:05Z', Date.UTC(2025, 0, 2, 3, 4, 5)],
    ['2025-01-02T03:04:05.678+0130', Date.UTC(2025, 0, 2, 1, 34, 5, 678)],
    ['2025-01-02 03:04', Date.UTC(2025, 0, 2, 3, 4)],
    ['2025-01-02', Date.UTC(2025, 0, 2)],
    ['1735787045000', 1_735_787_045_000],
  ])('reads the time %s', (timestamp, ts) => {
    expect(read(`${timestamp},1`)).toEqual({ timestamp, ts, value: 1 });
  });

  test.each(['2025-02-30', '2025-13-01', '25:00', '', 'now', '12345', '2025-01-02 24:61'])(
    'refuses the time "%s" and names the field',
    (timestamp) => {
      expect(() => read(`${timestamp},1`)).toThrow(/^timestamp: /);
    },
  );

  test.each(['', 'abc', '0x10', 'NaN', 'Infinity', '1e999', '1 2'])(
    'refuses the value "%s" and names the field',
    (value) => {
      expect(() => read(`2025-01-02,${value}`)).toThrow(/^value: /);
    },
  );

  test('finds its columns by name, in any order, among others, quoted or not', () => {
    const reader = rowReader('\ufeffid,"Value", Timestamp ');
    expect(reader('"a,b","-1.5e3",2025-01-02')).toMatchObject({ timestamp: '2025-01-02', value: -1500 });
  });

  test('refuses a header that lacks a column', () => {
    expect(() => rowReader('time,value')).toThrow(/must name the columns timestamp and value/);
  });

  test('reads back whatever csvField wrote', () => {
    const reader = rowReader('note,timestamp,value');
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', ',', '"', ' ') }), (note) => {
        expect(reader(`${csvField(note)},2025-01-02,7`).value).toBe(7);
      }),
    );
  });
});
