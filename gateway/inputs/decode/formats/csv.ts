import type { Format } from '../../../config/index.ts';
import { failed, type Parsed } from '../parsed.ts';
import { type Field, type FormatParser, fromFields, readNumber, readTime } from './foreign.ts';
import { unitIn } from './json.ts';

type CsvFormat = Extract<Format, { format: 'csv' }>;

/** Lines of values in declared columns; an empty one was not measured. */
export function csvParser(format: CsvFormat): FormatParser {
  return (named, payload) => {
    const lines = payload
      .toString('utf8')
      .split(/\r?\n/)
      .filter((line) => line.trim() !== '');
    if (lines.length === 0) return [failed('CSV_EMPTY', 'payload has no line')];
    return lines.map((line) => readLine(format, named.device, line));
  };
}

function readLine(
  { columns, separator, time, device, units }: CsvFormat,
  inTopic: string | undefined,
  line: string,
): Parsed {
  const cells = splitLine(line, separator);
  if (cells === undefined) return failed('CSV_QUOTES', 'a quoted field has no end');
  if (cells.length !== columns.length) {
    return failed('CSV_COLUMNS', `${cells.length} fields, and ${columns.length} columns are declared`);
  }
  let name = inTopic ?? '';
  let ts: number | undefined;
  const fields: Field[] = [];
  for (const [at, column] of columns.entries()) {
    const text = cells[at]!.trim();
    if (column === device) name = text;
    else if (column === time?.column) {
      const its = readTime(text, time.unit);
      if (typeof its === 'object') return failed(its.code, its.reason);
      ts = its;
    } else if (column !== '_' && text !== '') {
      fields.push({ metric: column, value: readNumber(text) ?? text, unit: unitIn(units, column) });
    }
  }
  if (fields.length === 0) return failed('NO_VALUES', 'no column has a value');
  return fromFields(name, fields, ts);
}

/** The fields of one line; in a quoted one the separator is text and a quote is written twice. Undefined where a quote is not closed. */
export function splitLine(line: string, separator: string): string[] | undefined {
  if (!line.includes('"')) return line.split(separator);
  const cells: string[] = [];
  let at = 0;
  for (;;) {
    if (line[at] !== '"') {
      const end = line.indexOf(separator, at);
      cells.push(line.slice(at, end === -1 ? undefined : end));
      if (end === -1) return cells;
      at = end + 1;
      continue;
    }
    let cell = '';
    for (at++; ; at += 2) {
      const quote = line.indexOf('"', at);
      if (quote === -1) return undefined;
      cell += line.slice(at, quote);
      at = quote;
      if (line[at + 1] !== '"') break;
      cell += '"';
    }
    cells.push(cell);
    // What stands between the closing quote and the separator is no part of the field.
    const end = line.indexOf(separator, at + 1);
    if (end === -1) return cells;
    at = end + 1;
  }
}
