import type { Format } from '../../../config/index.ts';
import { failed, isObject, type Json, quote } from '../parsed.ts';
import { leavesOf } from './flatten.ts';
import { type Field, type FormatParser, fromFields, readNumber, readObject, readTime } from './foreign.ts';

type JsonFormat = Extract<Format, { format: 'json' }>;

/** A JSON object whose fields are values: the declared ones, or every number in it. */
export function jsonParser(format: JsonFormat): FormatParser {
  const { separator, units, time } = format;
  return (named, payload) => {
    const json = readObject(payload);
    if (Array.isArray(json)) return json;
    const device = format.device === undefined ? named.device : nameIn(json, format.device, separator);
    if (device === undefined) {
      const its = quote(find(json, format.device!, separator));
      return [failed('DEVICE_INVALID', `the field ${format.device}, which names the device, is ${its}`)];
    }
    const ts = time && readTime(find(json, time.field, separator), time.unit);
    if (typeof ts === 'object') return [failed(ts.code, ts.reason)];

    const found = format.values ? declared(json, format) : numbers(json, format);
    if (found.length === 0) {
      const what = format.values ? `none of ${format.values.join(', ')}` : 'no number';
      return [failed('NO_VALUES', `there is ${what} in the payload`)];
    }
    // A topic that names the metric and a single declared field say the same thing.
    const alone = format.values?.length === 1;
    const metricOf = (name: string) =>
      named.metric === undefined ? name : alone ? named.metric : named.metric + separator + name;
    const fields = found.map(({ metric, value }): Field => {
      const name = metricOf(metric);
      return { metric: name, value, unit: unitIn(units, name) };
    });
    return [fromFields(device, fields, ts)];
  };
}

/** A plain number, whose device and metric the topic names. */
export function numberParser({ unit }: Extract<Format, { format: 'number' }>): FormatParser {
  return ({ device = '', metric = '' }, payload) => {
    const text = payload.toString('utf8');
    return [fromFields(device, [{ metric, value: readNumber(text) ?? text, unit }])];
  };
}

/** The declared unit of a metric. */
export function unitIn(units: Readonly<Record<string, string>>, metric: string): string | undefined {
  return Object.hasOwn(units, metric) ? units[metric] : undefined;
}

function declared(json: Json, { values = [], separator, booleans }: JsonFormat): Field[] {
  return values.flatMap((path) => {
    const value = find(json, path, separator);
    return value === undefined
      ? []
      : { metric: path, value: booleans && typeof value === 'boolean' ? Number(value) : value };
  });
}

function numbers(json: Json, { separator, booleans, device, time }: JsonFormat): Field[] {
  return leavesOf(json).flatMap(({ path, value }) => {
    const taken = typeof value === 'number' || (booleans && typeof value === 'boolean');
    const metric = path.join(separator);
    return taken && metric !== device && metric !== time?.field ? { metric, value: Number(value) } : [];
  });
}

function nameIn(json: Json, path: string, separator: string): string | undefined {
  const value = find(json, path, separator);
  return (typeof value === 'string' && value !== '') || typeof value === 'number' ? String(value) : undefined;
}

/** The field of that name, else what stands at the path. */
function find(json: Json, path: string, separator: string): unknown {
  if (Object.hasOwn(json, path)) return json[path];
  let at: unknown = json;
  for (const key of path.split(separator)) {
    if (!(isObject(at) || Array.isArray(at)) || !Object.hasOwn(at, key)) return undefined;
    at = (at as Json)[key];
  }
  return at;
}
