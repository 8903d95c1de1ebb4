import { NAME } from '../../../contract/index.ts';
import type { Content } from './framing.ts';

/** How CSV lines are read. `columns` or `header`; a column that has no part below is a metric of its name. */
export interface CsvOptions {
  readonly columns?: readonly string[] | undefined;
  /** The device sends the names itself; they hold until it sends others. */
  readonly header?: 'first-line' | undefined;
  /** One character. */
  readonly separator: string;
  readonly device?: string | undefined;
  readonly time?: string | undefined;
  /** ms or s since the epoch, or ISO 8601 with its offset from UTC. */
  readonly timeFormat: 'ms' | 's' | 'iso';
  /** Boot id and number of the line, by which its repeats are known and it is acknowledged. */
  readonly boot?: string | undefined;
  readonly number?: string | undefined;
  readonly ignore: readonly string[];
  /** UCUM codes, by column. */
  readonly units: Readonly<Record<string, string>>;
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const WITH_OFFSET = /(Z|[+-]\d\d:?\d\d)$/i;

/**
 * A reader of CSV lines. The first line after the port was opened may be the end of one: it is believed only when it is a header, since a row
 * has no other mark of being whole.
 */
export function csvLines(options: CsvOptions, device: string | undefined): (line: Buffer) => Content | undefined {
  let columns = options.columns;
  let before: readonly string[] | undefined;
  let first = true;

  return (line) => {
    const failed = (code: string, reason: string): Content => ({ payload: line, problem: { code, reason } });
    const maybeHalf = first;
    first = false;
    const cells = splitRow(line.toString('utf8'), options.separator);
    if (cells === undefined) return failed('CSV_QUOTES', 'line has a quoted field that does not end, or text after it');
    if (isHeader(cells)) {
      if (options.header) [before, columns] = [columns, cells];
      return undefined;
    }
    if (columns === undefined) return failed('CSV_HEADER', 'line came before the header that names its columns');
    // What looked like a header was a word of the device's, such as "ready".
    if (cells.length !== columns.length && cells.length === before?.length) columns = before;
    if (cells.length !== columns.length) {
      const expected = `${columns.length} (${columns.join(options.separator)})`;
      return failed('CSV_COLUMNS', `line has ${cells.length} columns instead of ${expected}`);
    }
    if (maybeHalf) {
      return failed('CSV_FIRST', 'the first line after the port was opened may be the end of one: it is not counted');
    }
    return { payload: line, fields: fieldsOf(columns, cells) };
  };

  function isHeader(cells: readonly string[]): boolean {
    if (options.columns) return cells.join('\n') === options.columns.join('\n');
    const names = cells.every((cell) => NAME.test(cell) && !/^[\d+-]|^(nan|inf|infinity)$/i.test(cell));
    const roles = [options.device, options.time, options.boot, options.number];
    // Columns have names of their own: three times ERR is a row of sensors that failed.
    const differ = new Set(cells).size === cells.length;
    return names && differ && roles.every((role) => role === undefined || cells.includes(role));
  }

  function fieldsOf(names: readonly string[], cells: readonly string[]): Record<string, unknown> {
    const values: Record<string, unknown> = {};
    const fields: Record<string, unknown> = { device, values, units: options.units };
    for (const [at, name] of names.entries()) {
      const cell = cells[at]!;
      // An empty cell is a sensor, or a clock, that had nothing to say.
      if (cell === '') continue;
      if (name === options.device) fields.device = cell;
      else if (name === options.time) fields.ts = timeOf(cell, options.timeFormat);
      else if (name === options.boot) fields.boot = cell;
      else if (name === options.number) fields.n = numberOf(cell);
      else if (!options.ignore.includes(name)) values[name] = numberOf(cell);
    }
    return fields;
  }
}

/** The number, or the text where it is none: the parser then says so with the name of the value. */
function numberOf(cell: string): number | string {
  return NUMBER.test(cell) ? Number(cell) : cell;
}

function timeOf(cell: string, format: CsvOptions['timeFormat']): number | string {
  if (format === 'iso') {
    const ts = WITH_OFFSET.test(cell) ? Date.parse(cell) : Number.NaN;
    return Number.isNaN(ts) ? cell : ts;
  }
  const time = numberOf(cell);
  return typeof time === 'number' && format === 's' ? time * 1_000 : time;
}

/**
 * Fields of one line by RFC 4180: a "quoted ""field""" may hold separators. Spaces around a field are not part of it. Undefined when the quotes do
 * not match.
 */
export function splitRow(line: string, separator: string): string[] | undefined {
  if (!line.includes('"')) return line.split(separator).map((cell) => cell.trim());
  const cells: string[] = [];
  let at = 0;
  for (;;) {
    while (line[at] === ' ' && separator !== ' ') at++;
    let end = line.indexOf(separator, at);
    if (end === -1) end = line.length;
    if (line[at] !== '"') {
      cells.push(line.slice(at, end).trim());
    } else {
      const quoted = /^"((?:[^"]|"")*)" */.exec(line.slice(at));
      if (!quoted) return undefined;
      end = at + quoted[0].length;
      if (end < line.length && line[end] !== separator) return undefined;
      cells.push(quoted[1]!.replaceAll('""', '"'));
    }
    if (end >= line.length) return cells;
    at = end + 1;
  }
}
