import { NAME, unitOf } from '../../../contract/index.ts';
import type { Message, Problem } from '../input.ts';

import {
  failed,
  isFiniteNumber,
  isObject,
  type Json,
  MAX_VALUES,
  type Parsed,
  parseJson,
  problemOf,
  quote,
  type Value,
} from './parsed.ts';
import { type Topic, topicOf } from './topics.ts';

// Written by hand, without a schema library: this runs for every message of every device. The hub validates again.

const NO_FIELDS: Json = {};
const NO_VALUES: readonly Value[] = [];
const NO_PROBLEMS: readonly Problem[] = [];
const BOOT = /^[0-9A-Za-z]{1,32}$/;

/**
 * Takes a message apart. Never throws: what cannot be understood becomes a problem. Unless `ranged`, values are not held against their ranges.
 * `topic`: the message's, where the caller has taken it apart already.
 */
export function parse(message: Message, ranged = true, topic?: Topic): Parsed {
  const parsed = message.problem
    ? failed(message.problem.code, message.problem.reason)
    : parseMessage(message, ranged, topic);
  return message.frame ? { ...parsed, frame: message.frame } : parsed;
}

function parseMessage(message: Message, ranged: boolean, topic?: Topic): Parsed {
  if (message.topic === undefined)
    return message.fields ? parseFields(message.fields, ranged) : parseLine(message.payload, ranged);

  const { names, isNamed } = topic ?? topicOf(message.topic);
  if (names === undefined) {
    return failed('TOPIC_UNKNOWN', 'topic is not devices/<device> or devices/<device>/<metric>');
  }
  const { device, metric } = names;
  if (!isNamed) return failed('DEVICE_INVALID', `the topic's device ${quote(device)} is not a valid name`);
  const json = parseJson(message.payload);
  if (json === undefined) return failed('NOT_JSON', 'payload is not JSON (NaN and Infinity are not)');
  if (metric !== undefined) return parseSingle(device, metric, json, ranged);
  if (!isObject(json)) return failed('NOT_AN_OBJECT', 'payload is not a JSON object');
  return parseObject(device, json, ranged);
}

function parseLine(line: Buffer, ranged: boolean): Parsed {
  const json = parseJson(line);
  if (json === undefined) return failed('NOT_JSON', 'line is not JSON');
  if (!isObject(json)) return failed('NOT_AN_OBJECT', 'line is not a JSON object');
  return parseFields(json, ranged);
}

function parseFields(json: Json, ranged: boolean): Parsed {
  const { device } = json;
  if (typeof device !== 'string' || !NAME.test(device)) {
    return failed('DEVICE_INVALID', `device ${quote(device)} is not a valid name`);
  }
  return parseObject(device, json, ranged);
}

/** One value under its own topic: a plain number, or an object with the number in `value`. */
function parseSingle(device: string, metric: string, json: unknown, ranged: boolean): Parsed {
  const fields: Json = isObject(json) ? json : NO_FIELDS;
  const invalid = invalidIn(fields);
  if (invalid) return invalid;
  const value = isObject(json) ? json.value : json;
  const unit = fields.unit === undefined ? unitOf(metric) : fields.unit;
  const problem = problemOf(metric, value, unit, ranged);
  if (problem) return parsedOf(device, fields, NO_VALUES, [problem]);
  return parsedOf(device, fields, [{ metric, value: value as number, unit: unit as string }], NO_PROBLEMS);
}

function parseObject(device: string, json: Json, ranged: boolean): Parsed {
  const { values, units = {} } = json;
  if (!isObject(values)) return failed('NO_VALUES', 'values is missing or not an object');
  const entries = Object.entries(values);
  if (entries.length === 0) return failed('NO_VALUES', 'values is empty');
  if (entries.length > MAX_VALUES) {
    return failed('TOO_MANY_VALUES', `${entries.length} values in one message; at most ${MAX_VALUES} are taken`);
  }
  if (!isObject(units)) return failed('UNIT_INVALID', 'units is not an object');
  return collect(device, json, entries, units, ranged);
}

function collect(device: string, json: Json, entries: [string, unknown][], units: Json, ranged: boolean): Parsed {
  const invalid = invalidIn(json);
  if (invalid) return invalid;
  const values: Value[] = [];
  const problems: Problem[] = [];
  for (const [metric, value] of entries) {
    const unit = Object.hasOwn(units, metric) ? units[metric] : unitOf(metric);
    const problem = problemOf(metric, value, unit, ranged);
    if (problem) problems.push(problem);
    else values.push({ metric, value: value as number, unit: unit as string });
  }
  return parsedOf(device, json, values, problems);
}

/** What is wrong with the fields that are the message's, not a value's. */
function invalidIn({ ts, sentAt, boot, n }: Json): Parsed | undefined {
  if (ts !== undefined && !isFiniteNumber(ts)) return failed('TIME_INVALID', `ts ${quote(ts)} is not a number of ms`);
  if (sentAt !== undefined && !isFiniteNumber(sentAt)) {
    return failed('TIME_INVALID', `sentAt ${quote(sentAt)} is not a number of ms`);
  }
  if ((boot !== undefined || n !== undefined) && !isFrame(boot, n)) {
    return failed('FRAME_INVALID', `boot ${quote(boot)} and n ${quote(n)} are not a boot id and a number from 1`);
  }
  return undefined;
}

/** `json`: fields in which nothing is invalid. */
function parsedOf(device: string, json: Json, values: readonly Value[], problems: readonly Problem[]): Parsed {
  const { ts, sentAt, boot, n, lost } = json;
  return {
    device,
    values,
    problems,
    alarm: json.alarm === true,
    ts: ts === undefined ? undefined : Math.round(ts as number),
    sentAt: sentAt === undefined ? undefined : Math.round(sentAt as number),
    frame: boot === undefined ? undefined : { boot: boot as string, number: n as number },
    lost: Number.isSafeInteger(lost) ? (lost as number) : undefined,
  };
}

/** Whether these are a boot id and a frame number. */
export function isFrame(boot: unknown, n: unknown): boolean {
  return typeof boot === 'string' && BOOT.test(boot) && Number.isSafeInteger(n) && (n as number) >= 1;
}
