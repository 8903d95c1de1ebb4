import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type CsvOptions, csvLines, splitRow } from './csv.ts';

const OPTIONS: CsvOptions = { columns: ['t', 'h'], separator: ',', timeFormat: 'ms', ignore: [], units: {} };

/** What lines after the first say. */
function read(lines: string[], options: Partial<CsvOptions> = {}, device = 'd') {
  const reader = csvLines({ ...OPTIONS, ...options }, device);
  reader(Buffer.from('half a li'));
  return lines.map((line) => {
    const content = reader(Buffer.from(line));
    return content?.problem?.code ?? content?.fields;
  });
}

test('a row becomes one value for each column', () => {
  expect(read(['21.4, 48.2', '-1e3,.5'])).toEqual([
    { device: 'd', values: { t: 21.4, h: 48.2 }, units: {} },
    { device: 'd', values: { t: -1_000, h: 0.5 }, units: {} },
  ]);
});

test('columns may name device, time, boot and number, have units, and be ignored', () => {
  const options = { columns: ['who', 'at', 'b', 'n', 't', 'note'], device: 'who', time: 'at', boot: 'b', number: 'n' };
  const more = { ignore: ['note'], units: { t: '[degF]' }, separator: ';' };
  expect(read(['mc-1;1800000000000;a1b2;17;70;"warm; dry"'], { ...options, ...more })).toEqual([
    { device: 'mc-1', ts: 1_800_000_000_000, boot: 'a1b2', n: 17, values: { t: 70 }, units: { t: '[degF]' } },
  ]);
});

test.each([
  ['ms', '1800000000000', 1_800_000_000_000],
  ['s', '1800000000.25', 1_800_000_000_250],
  ['iso', '2027-01-15T08:00:00Z', 1_800_000_000_000],
  ['iso', '2027-01-15T09:00:00+01:00', 1_800_000_000_000],
  ['iso', '2027-01-15T08:00:00', '2027-01-15T08:00:00'],
  ['ms', 'noon', 'noon'],
] as const)('a time in %s, %j', (timeFormat, cell, ts) => {
  expect(read([`${cell},1,2`], { columns: ['at', 't', 'h'], time: 'at', timeFormat })[0]).toMatchObject({ ts });
});

test('an empty cell is no value and no time, and what is no number is left for the parser to name', () => {
  expect(read([',1'], { time: 't' })).toEqual([{ device: 'd', values: { h: 1 }, units: {} }]);
  expect(read([',NaN', '0x10,1 2'])).toMatchObject([{ values: { h: 'NaN' } }, { values: { t: '0x10', h: '1 2' } }]);
});

test('a row with other columns, or quotes that do not match, is not read', () => {
  expect(read(['1', '1,2,3', '1,"2', '"1"x,2'])).toEqual(['CSV_COLUMNS', 'CSV_COLUMNS', 'CSV_QUOTES', 'CSV_QUOTES']);
});

test('the first row after the port was opened may be half of one, and is not believed', () => {
  const reader = csvLines(OPTIONS, 'd');
  expect(reader(Buffer.from('1.4,48.2'))?.problem?.code).toBe('CSV_FIRST');
  expect(reader(Buffer.from('21.4,48.2'))?.fields).toBeDefined();
});

test('a device that sends its declared header is not taken for a reading', () => {
  expect(read(['t,h', '1,2'])).toEqual([undefined, { device: 'd', values: { t: 1, h: 2 }, units: {} }]);
});

test('a header that the device sends names the columns until it sends another', () => {
  const options = { columns: undefined, header: 'first-line' as const };
  expect(read(['1,2', 't,h', '1,2', 'p', '3', 'nan'], options)).toEqual([
    'CSV_HEADER',
    undefined,
    { device: 'd', values: { t: 1, h: 2 }, units: {} },
    undefined,
    { device: 'd', values: { p: 3 }, units: {} },
    { device: 'd', values: { p: 'nan' }, units: {} },
  ]);
});

test('a row of failed sensors is no header, and a word between the rows replaces none', () => {
  const options = { columns: undefined, header: 'first-line' as const };
  expect(read(['t,h', 'ERR,ERR', '1,2', 'rebooting', '3,4'], options)).toEqual([
    undefined,
    { device: 'd', values: { t: 'ERR', h: 'ERR' }, units: {} },
    { device: 'd', values: { t: 1, h: 2 }, units: {} },
    undefined,
    { device: 'd', values: { t: 3, h: 4 }, units: {} },
  ]);
});

test('fields that are quoted by RFC 4180 come back as they were', () => {
  const field = fc.string({ maxLength: 12 }).map((text) => text.replaceAll(/[\r\n]/g, ' '));
  fc.assert(
    fc.property(fc.array(field, { minLength: 1 }), fc.constantFrom(',', ';', '\t', '|'), (fields, separator) => {
      const line = fields.map((text) => `"${text.replaceAll('"', '""')}"`).join(separator);
      expect(splitRow(line, separator)).toEqual(fields);
    }),
  );
});

test('never throws, whatever the line', () => {
  const reader = csvLines(OPTIONS, undefined);
  fc.assert(fc.property(fc.uint8Array(), (bytes) => void reader(Buffer.from(bytes))));
});
