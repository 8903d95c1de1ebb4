import type { Format } from '../../../config/index.ts';
import { splitRow } from '../../serial/csv.ts';
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
  const cells = splitRow(line, separator);
  if (cells === undefined) return failed('CSV_QUOTES', 'a quoted field has no end, or text after it');
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
