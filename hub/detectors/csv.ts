import { HeadwaterError } from '../../contract/index.ts';

/** A row of the series; `timestamp` as it was written. */
export interface SeriesRow {
  readonly timestamp: string;
  /** ms since the epoch. */
  readonly ts: number;
  readonly value: number;
}

/** A number as spreadsheets and programs write one; Number() alone also takes an empty field or 0x10. */
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const DATE = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?)?\s?(Z|[+-]\d{2}:?\d{2})?$/;
/** ms since the epoch; fewer digits would be seconds or a year. */
const EPOCH_MS = /^-?\d{11,15}$/;

/**
 * Reads a row of a CSV by the columns that the header names.
 * @throws HeadwaterError `ROW_INVALID` naming the field
 */
export type RowReader = (line: string) => SeriesRow;

/**
 * Makes a reader from the header line.
 * @throws HeadwaterError `HEADER_INVALID` when the columns `timestamp` and `value` are not both there
 */
export function rowReader(header: string): RowReader {
  const columns = fields(header.replace(/^\ufeff/, '')).map((name) => name.trim().toLowerCase());
  const [timestampAt, valueAt] = [columns.indexOf('timestamp'), columns.indexOf('value')];
  if (timestampAt < 0 || valueAt < 0)
    throw new HeadwaterError(
      'HEADER_INVALID',
      `the header must name the columns timestamp and value; it is "${header}"`,
    );
  return (line) => {
    const row = fields(line);
    const timestamp = (row[timestampAt] ?? '').trim();
    const ts = timeOf(timestamp);
    if (ts === undefined)
      throw new HeadwaterError('ROW_INVALID', `timestamp: "${timestamp}" is neither ISO 8601 nor ms since the epoch`);
    const text = (row[valueAt] ?? '').trim();
    const value = NUMBER.test(text) ? Number(text) : Number.NaN;
    if (!Number.isFinite(value)) throw new HeadwaterError('ROW_INVALID', `value: "${text}" is not a number`);
    return { timestamp, ts, value };
  };
}

/** A field as CSV has it: quoted where it must be. */
export function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The fields of one line. A quoted field cannot hold a line end: a series has no need of one. */
function fields(line: string): string[] {
  if (!line.includes('"')) return line.split(',');
  const found = line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g);
  return [...found].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '');
}

function timeOf(text: string): number | undefined {
  if (EPOCH_MS.test(text)) return Number(text);
  const [, year, month, day, hour = '00', minute = '00', second = '00', zone = 'Z'] = DATE.exec(text) ?? [];
  if (year === undefined) return undefined;
  const ts = Date.parse(
    `${year}-${month}-${day}T${hour}:${minute}:${second}${zone.replace(/^(.\d\d)(\d\d)$/, '$1:$2')}`,
  );
  // Date.parse moves 31 June on to 1 July.
  const exists = new Date(`${year}-${month}-${day}T00:00:00Z`).getUTCDate() === Number(day);
  return Number.isNaN(ts) || !exists ? undefined : ts;
}
