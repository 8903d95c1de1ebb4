import { HeadwaterError } from '../../../contract/index.ts';
import type { Bucket, FieldType, Measurement } from './points.ts';

/** A point in InfluxDB's line protocol, time in ms. */
export interface Line {
  readonly bucket: Bucket;
  readonly measurement: string;
  /** Measurement and tags as they stand in the line: equal for points of one series. */
  readonly series: string;
  readonly text: string;
}

type Row = Record<string, unknown>;
export type ToLines = (record: Row) => Line[];

/**
 * What makes a record into points. The same record always gives the same lines, so writing it again changes nothing.
 * The function throws HeadwaterError `POINT_UNREADABLE` where the record is not what the measurement says.
 */
export function linesOf(measurement: Measurement): ToLines {
  const { name, bucket, time, split } = measurement;
  const start = escapeName(name);
  const tags = measurement.tags.map((tag) => ({ get: at(tag), tag, prefix: `,${escapeKey(tag)}=` }));
  const fields = Object.entries(measurement.fields).map(([field, type]) => ({ get: at(field), add: ADD[type], field }));
  const line = (row: Row): Line | undefined => {
    let series = start;
    for (const { get, tag, prefix } of tags) {
      const value = get(row);
      if (value === null || value === undefined || value === '') continue;
      if (typeof value !== 'string') throw unreadable(tag, 'a text', value);
      series += prefix + escapeTag(value);
    }
    let values = '';
    for (const { get, add, field } of fields) {
      const value = get(row);
      if (value !== null && value !== undefined) values += add(field, value);
    }
    if (values === '') return undefined;
    const ts = row[time];
    if (!Number.isSafeInteger(ts)) throw unreadable(time, 'a time in ms', ts);
    return { bucket, measurement: name, series, text: `${series} ${values.slice(1)} ${ts}` };
  };
  return (record) => (split ? split(record) : [record]).map(line).filter((made) => made !== undefined);
}

/** `,name=value`, of a name as it is in the record. */
const ADD: Readonly<Record<FieldType, (name: string, value: unknown) => string>> = {
  float(name, value) {
    if (typeof value !== 'number' || !Number.isFinite(value)) throw unreadable(name, 'a number', value);
    return `,${escapeKey(name)}=${value}`;
  },
  integer(name, value) {
    if (!Number.isSafeInteger(value)) throw unreadable(name, 'a whole number', value);
    return `,${escapeKey(name)}=${value}i`;
  },
  text(name, value) {
    if (typeof value !== 'string') throw unreadable(name, 'a text', value);
    return `,${escapeKey(name)}="${value.replace(/["\\]/g, '\\$&')}"`;
  },
  boolean(name, value) {
    if (typeof value !== 'boolean') throw unreadable(name, 'true or false', value);
    return `,${escapeKey(name)}=${value}`;
  },
  money(name, value) {
    if (typeof value !== 'string' || !/^-?\d+(\.\d+)?$/.test(value)) throw unreadable(name, 'a decimal', value);
    return ADD.float(name, Number(value)) + ADD.text(`${name}Exact`, value);
  },
  any(name, value) {
    if (typeof value === 'number') return ADD.float(name, value);
    if (typeof value === 'string') return ADD.text(`${name}Text`, value);
    return typeof value === 'boolean' ? ADD.boolean(`${name}Boolean`, value) : '';
  },
  integers(name, value) {
    if (typeof value !== 'object') throw unreadable(name, 'an object', value);
    return Object.entries(value as Row)
      .map(([key, count]) => ADD.integer(`${name}.${key}`, count))
      .join('');
  },
};

function at(path: string): (row: Row) => unknown {
  const [first, second] = path.split('.') as [string, string?];
  if (second === undefined) return (row) => row[first];
  // The names of people's own columns may have dots.
  return (row) => row[path] ?? (row[first] as Row | null | undefined)?.[second];
}

function unreadable(name: string, expected: string, value: unknown): HeadwaterError {
  const found = JSON.stringify(value)?.slice(0, 100) ?? 'missing';
  return new HeadwaterError('POINT_UNREADABLE', `${name} should be ${expected} and is ${found}`);
}

const SPECIAL = /[,= \\\p{Cc}]/u;
/** What names and tags of line protocol cannot hold: control characters, and a backslash, which would escape what follows it. */
const IMPOSSIBLE = /[\p{Cc}\\]/gu;
const percent = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;

/** What cannot stand in a tag is written as in an address (`%0A`). */
export function escapeTag(text: string): string {
  if (!SPECIAL.test(text)) return text;
  return text.replace(IMPOSSIBLE, percent).replace(/[,= ]/g, '\\$&');
}
const escapeKey = escapeTag;
const escapeName = escapeTag;
