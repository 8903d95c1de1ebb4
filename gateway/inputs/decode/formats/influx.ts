import type { Format } from '../../../config/index.ts';
import { failed, type Parsed } from '../parsed.ts';
import { type Field, type FormatParser, fromFields, readTime } from './foreign.ts';
import { unitIn } from './json.ts';
import { type Line, parseLine } from './line-protocol.ts';

type InfluxFormat = Extract<Format, { format: 'influx' }>;

/** InfluxDB line protocol: each field is the metric `measurement.field`, each line a message of its own. */
export function influxParser(format: InfluxFormat): FormatParser {
  return (named, payload) => {
    // The protocol knows no line ends within a value, so a broken line harms no other.
    const lines = payload.toString('utf8').split(/\r?\n/);
    const written = lines.filter((line) => line.trim() !== '' && !line.startsWith('#'));
    if (written.length === 0) return [failed('LINE_PROTOCOL', 'payload has no line')];
    return written.flatMap((line) => readLine(format, named.device, line.trimStart()) ?? []);
  };
}

/** Undefined where the line has nothing but texts and booleans, which are ignored. */
function readLine(format: InfluxFormat, inTopic: string | undefined, text: string): Parsed | undefined {
  let line: Line;
  try {
    line = parseLine(text);
  } catch (error) {
    return failed('LINE_PROTOCOL', (error as Error).message);
  }
  const device = inTopic ?? line.tags.get(format.device!);
  if (device === undefined)
    return failed('DEVICE_INVALID', `the line has no tag ${format.device}, which names the device`);
  const ts = line.timestamp === undefined ? undefined : readTime(line.timestamp, format.precision);
  if (typeof ts === 'object') return failed(ts.code, ts.reason);
  const fields = fieldsOf(format, line);
  return fields.length === 0 ? undefined : fromFields(device, fields, ts);
}

function fieldsOf({ tags, booleans, units }: InfluxFormat, line: Line): Field[] {
  const head = [line.measurement, ...tags.flatMap((tag) => line.tags.get(tag) ?? [])].join('.');
  return [...line.fields].flatMap(([key, value]) => {
    if (typeof value !== 'number' && !(booleans && typeof value === 'boolean')) return [];
    const metric = `${head}.${key}`;
    return { metric, value: Number(value), unit: unitIn(units, metric) };
  });
}
