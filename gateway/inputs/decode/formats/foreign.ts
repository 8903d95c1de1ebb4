import { unitOf } from '../../../../contract/index.ts';
import type { Problem } from '../../input.ts';
import { nameFor } from '../names.ts';
import {
  failed,
  isObject,
  type Json,
  MAX_VALUES,
  type Parsed,
  parseJson,
  problemOf,
  quote,
  type Value,
} from '../parsed.ts';

/** Takes a message of one format apart. Nothing at all means that the format ignores such messages on purpose. Never throws. */
export type FormatParser = (named: Readonly<Record<string, string>>, payload: Buffer) => readonly Parsed[];

/** A value as a foreign payload calls it. Without a unit it has that of its metric. */
export interface Field {
  readonly metric: string;
  readonly value: unknown;
  readonly unit?: string | undefined;
}

/** A message of one foreign device, under valid names. */
export function fromFields(device: string, fields: readonly Field[], ts?: number): Parsed {
  if (device === '') return failed('DEVICE_INVALID', 'the name of the device is empty');
  if (fields.length > MAX_VALUES) {
    return failed('TOO_MANY_VALUES', `${fields.length} values in one message; at most ${MAX_VALUES} are taken`);
  }
  const values: Value[] = [];
  const problems: Problem[] = [];
  for (const { metric, value, unit } of fields) {
    const name = metric === '' ? metric : nameFor(metric);
    const its = unit ?? unitOf(name);
    const problem = problemOf(name, value, its, false);
    if (problem) problems.push(problem);
    else values.push({ metric: name, value: value as number, unit: its });
  }
  return { device: nameFor(device), values, problems, alarm: false, ...(ts !== undefined && { ts }) };
}

/** The JSON object in a payload, or why there is none. */
export function readObject(payload: Buffer): Json | Parsed[] {
  const json = parseJson(payload);
  if (json === undefined) return [failed('NOT_JSON', 'payload is not JSON (NaN and Infinity are not)')];
  return isObject(json) ? json : [failed('NOT_AN_OBJECT', 'payload is not a JSON object')];
}

// No part of it can take what another part could: it must not go back over a long text.
const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;

/** The decimal number that a text is, or undefined: no hexadecimal, no Infinity, no empty text. */
export function readNumber(text: string): number | undefined {
  const trimmed = text.trim();
  return NUMBER.test(trimmed) ? Number(trimmed) : undefined;
}

export type TimeUnit = 's' | 'ms' | 'us' | 'ns' | 'iso';
const PER_MS: Readonly<Record<Exclude<TimeUnit, 'iso'>, number>> = { s: 0.001, ms: 1, us: 1_000, ns: 1_000_000 };
const ISO = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)$/;
/** What a Date can hold. */
const MAX_MS = 8.64e15;

/** Whether the month has that day: `Date` takes 30 February as 2 March. */
const hasDay = (iso: string): boolean =>
  new Date(`${iso.slice(0, 10)}T00:00Z`).getUTCDate() === Number(iso.slice(8, 10));

/** ms since the epoch, or why a value is no such time. */
export function readTime(value: unknown, unit: TimeUnit): number | Problem {
  const number = typeof value === 'string' ? readNumber(value) : value;
  let ms = Number.NaN;
  if (unit !== 'iso') ms = typeof number === 'number' ? Math.round(number / PER_MS[unit]) : Number.NaN;
  else if (typeof value === 'string' && ISO.test(value) && hasDay(value)) ms = Date.parse(value);
  if (Math.abs(ms) <= MAX_MS) return ms;
  const wanted = unit === 'iso' ? 'ISO 8601 time with Z or an offset' : `number of ${unit} since 1970`;
  return { code: 'TIME_INVALID', reason: `time ${quote(value)} is no ${wanted}` };
}
