import { NAME, outOfRange } from '../../../contract/index.ts';
import type { Problem } from '../input.ts';

/** Values in one message of one device, at most. */
export const MAX_VALUES = 256;

export interface Value {
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
}

/** A device message taken apart. `values` are good; each of `problems` stands for a value, or a whole message, that is not. */
export interface Parsed {
  readonly device: string;
  readonly values: readonly Value[];
  readonly problems: readonly Problem[];
  readonly alarm: boolean;
  /** Time of the measurement by the device's clock, ms since the epoch, unchecked. */
  readonly ts?: number | undefined;
  /** The device's clock when it sent the message. */
  readonly sentAt?: number | undefined;
  readonly frame?: { readonly boot: string; readonly number: number } | undefined;
  /** Frames the device had to give up since it booted. */
  readonly lost?: number | undefined;
}

export type Json = Record<string, unknown>;

/** A message of which nothing could be taken. */
export function failed(code: string, reason: string): Parsed {
  return { device: '', values: [], problems: [{ code, reason }], alarm: false };
}

/**
 * Why this is no value of a reading, or undefined when it is one. Values that still go through a transform are held against their metric's
 * range after it, so `ranged` is false for them.
 */
export function problemOf(metric: string, value: unknown, unit: unknown, ranged: boolean): Problem | undefined {
  if (!NAME.test(metric)) return { code: 'METRIC_INVALID', reason: `metric ${quote(metric)} is not a valid name` };
  if (typeof value !== 'number') {
    return { code: 'VALUE_NOT_A_NUMBER', reason: `${metric} is ${quote(value)}, not a number` };
  }
  if (typeof unit !== 'string' || unit.length === 0 || unit.length > 32) {
    return { code: 'UNIT_INVALID', reason: `unit of ${metric} is ${quote(unit)}, not a UCUM code of 1–32 characters` };
  }
  if (!ranged && Number.isFinite(value)) return undefined;
  return rangeProblem(metric, value, unit);
}

/** Why the value cannot have been measured, or undefined. */
export function rangeProblem(metric: string, value: number, unit: string): Problem | undefined {
  const reason = outOfRange(metric, value, unit);
  return reason === undefined ? undefined : { code: 'VALUE_OUT_OF_RANGE', reason };
}

/** The JSON in a payload, or undefined where it is none. */
export function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isFiniteNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

/** The value as it would stand in JSON, short enough for a message. */
export function quote(value: unknown): string {
  let text: string;
  try {
    text = JSON.stringify(value) ?? 'missing';
  } catch {
    // JSON.parse reads any depth, JSON.stringify writes some thousands of levels.
    return 'something nested too deep to show';
  }
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
