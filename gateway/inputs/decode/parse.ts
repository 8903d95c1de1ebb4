import { NAME, outOfRange, unitOf } from '../../../contract/index.ts';
import type { Message, Problem } from '../input.ts';

// Written by hand, without a schema library: this runs for every message of every device. The hub validates again.

/** Values in one message, at most. */
const MAX_VALUES = 256;
const BOOT = /^[0-9A-Za-z]{1,32}$/;

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
  readonly ts?: number;
  /** The device's clock when it sent the message. */
  readonly sentAt?: number;
  readonly frame?: { readonly boot: string; readonly number: number };
  /** Frames the device had to give up since it booted. */
  readonly lost?: number;
}

/** Takes a message apart. Never throws: what cannot be understood becomes a problem. */
export function parse(message: Message): Parsed {
  const parsed = message.problem ? failed(message.problem.code, message.problem.reason) : parseMessage(message);
  return message.frame ? { ...parsed, frame: message.frame } : parsed;
}

function parseMessage(message: Message): Parsed {
  const { topic } = message;
  if (topic === undefined) return message.fields ? parseFields(message.fields) : parseLine(message.payload);

  const [root, device, metric, extra] = topic.split('/', 4);
  if (root !== 'devices' || device === undefined || extra !== undefined) {
    return failed('TOPIC_UNKNOWN', 'topic is not devices/<device> or devices/<device>/<metric>');
  }
  if (!NAME.test(device)) return failed('DEVICE_INVALID', `the topic's device ${quote(device)} is not a valid name`);
  const json = parseJson(message.payload);
  if (json === undefined) return failed('NOT_JSON', 'payload is not JSON (NaN and Infinity are not)');
  if (metric !== undefined) return parseSingle(device, metric, json);
  if (!isObject(json)) return failed('NOT_AN_OBJECT', 'payload is not a JSON object');
  return parseObject(device, json);
}

function parseLine(line: Buffer): Parsed {
  const json = parseJson(line);
  if (json === undefined) return failed('NOT_JSON', 'line is not JSON');
  if (!isObject(json)) return failed('NOT_AN_OBJECT', 'line is not a JSON object');
  return parseFields(json);
}

function parseFields(json: Json): Parsed {
  const { device } = json;
  if (typeof device !== 'string' || !NAME.test(device)) {
    return failed('DEVICE_INVALID', `device ${quote(device)} is not a valid name`);
  }
  return parseObject(device, json);
}

/** One value under its own topic: a plain number, or an object with the number in `value`. */
function parseSingle(device: string, metric: string, json: unknown): Parsed {
  if (!isObject(json)) return collect(device, {}, [[metric, json]], {});
  const units = json.unit === undefined ? {} : { [metric]: json.unit };
  return collect(device, json, [[metric, json.value]], units);
}

function parseObject(device: string, json: Json): Parsed {
  const { values, units = {} } = json;
  if (!isObject(values)) return failed('NO_VALUES', 'values is missing or not an object');
  const entries = Object.entries(values);
  if (entries.length === 0) return failed('NO_VALUES', 'values is empty');
  if (entries.length > MAX_VALUES) {
    return failed('TOO_MANY_VALUES', `${entries.length} values in one message; at most ${MAX_VALUES} are taken`);
  }
  if (!isObject(units)) return failed('UNIT_INVALID', 'units is not an object');
  return collect(device, json, entries, units);
}

function collect(device: string, json: Json, entries: [string, unknown][], units: Json): Parsed {
  const { ts, sentAt, boot, n, lost } = json;
  if (ts !== undefined && !isFiniteNumber(ts)) return failed('TIME_INVALID', `ts ${quote(ts)} is not a number of ms`);
  if (sentAt !== undefined && !isFiniteNumber(sentAt)) {
    return failed('TIME_INVALID', `sentAt ${quote(sentAt)} is not a number of ms`);
  }
  if ((boot !== undefined || n !== undefined) && !isFrame(boot, n)) {
    return failed('FRAME_INVALID', `boot ${quote(boot)} and n ${quote(n)} are not a boot id and a number from 1`);
  }

  const values: Value[] = [];
  const problems: Problem[] = [];
  for (const [metric, value] of entries) {
    const unit = Object.hasOwn(units, metric) ? units[metric] : unitOf(metric);
    const problem = check(metric, value, unit);
    if (problem) problems.push(problem);
    else values.push({ metric, value: value as number, unit: unit as string });
  }
  return {
    device,
    values,
    problems,
    alarm: json.alarm === true,
    ...(ts !== undefined && { ts: Math.round(ts) }),
    ...(sentAt !== undefined && { sentAt: Math.round(sentAt) }),
    ...(boot !== undefined && { frame: { boot: boot as string, number: n as number } }),
    ...(isFiniteNumber(lost) && { lost }),
  };
}

function check(metric: string, value: unknown, unit: unknown): Problem | undefined {
  if (!NAME.test(metric)) return { code: 'METRIC_INVALID', reason: `metric ${quote(metric)} is not a valid name` };
  if (typeof value !== 'number') {
    return { code: 'VALUE_NOT_A_NUMBER', reason: `${metric} is ${quote(value)}, not a number` };
  }
  if (typeof unit !== 'string' || unit.length === 0 || unit.length > 32) {
    return { code: 'UNIT_INVALID', reason: `unit of ${metric} is ${quote(unit)}, not a UCUM code of 1–32 characters` };
  }
  const reason = outOfRange(metric, value, unit);
  return reason === undefined ? undefined : { code: 'VALUE_OUT_OF_RANGE', reason };
}

type Json = Record<string, unknown>;

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

function failed(code: string, reason: string): Parsed {
  return { device: '', values: [], problems: [{ code, reason }], alarm: false };
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isFrame(boot: unknown, n: unknown): boolean {
  return typeof boot === 'string' && BOOT.test(boot) && Number.isSafeInteger(n) && (n as number) >= 1;
}

/** The value as it would stand in JSON, short enough for a message. */
function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing';
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
