/** What a panel reads: fields of one measurement. A measurement has its Kafka topic's name. */
export interface Source {
  readonly bucket?: Bucket;
  readonly measurement: string;
  readonly fields: readonly string[];
  /** Conditions on tags, as Flux. */
  readonly where?: readonly string[];
}

/** `long`: windows of an hour instead of a minute where more than three days are asked for. */
export type Bucket = 'readings' | 'results' | 'long';

const LONG_MS = 3 * 86_400_000;

/** How far a list of a variable's values looks back. */
const VALUES_RANGE = '-7d';

/** The beginning of every query: a bucket, a range of time, a measurement, its fields, then tags; nothing scans more than that. */
export function from({ bucket = 'results', measurement, fields, where = [] }: Source): string {
  // Each bucket has only one of them.
  const names = bucket === 'long' ? [measurement, hourly(measurement)] : [measurement];
  return [
    bucket === 'long' ? `${longRange}from(bucket: bucket)` : `from(bucket: ${text(bucket)})`,
    'range(start: v.timeRangeStart, stop: v.timeRangeStop)',
    `filter(fn: (r) => ${names.map((name) => `r._measurement == ${text(name)}`).join(' or ')})`,
    `filter(fn: (r) => ${fields.map((field) => `r._field == ${text(field)}`).join(' or ')})`,
    ...where.map((condition) => `filter(fn: (r) => ${condition})`),
  ].join(PIPE);
}

const hourly = (measurement: string) => measurement.replace(/1m$/, '1h');

const longRange = `bucket = if int(v: v.timeRangeStop) - int(v: v.timeRangeStart) > ${LONG_MS * 1_000_000} then "results-1h" else "results"\n`;

export const PIPE = '\n  |> ';

/** Steps of a query, one after the other. */
export const pipe = (...steps: readonly string[]): string => steps.join(PIPE);

/** A text in Flux. `${` would begin an expression. */
export function text(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('${', '\\${')}"`;
}

/** Those whose tag is what a variable of the dashboard says. As a regular expression Grafana escapes whatever the value holds: paths of a web site come from its visitors. */
export function chosen(tag: string, variable = tag): string {
  return `r.${tag} =~ /^\${${variable}:regex}$/`;
}

/** One value for each step of the time axis and each of `by`, which names the lines. */
export function overTime(fn: 'mean' | 'min' | 'max' | 'sum' | 'last', by: readonly string[] = []): string {
  return pipe(
    `group(columns: [${by.map(text).join(', ')}])`,
    `aggregateWindow(every: v.windowPeriod, fn: ${fn}, createEmpty: false)`,
    'sort(columns: ["_time"])',
    keep('_time', '_value', ...by),
  );
}

/** The sum of all series of one name at each of their windows: what they are together, before a mean over time. */
export function summedUp(every: string, by: readonly string[] = []): string {
  return pipe(
    `group(columns: [${by.map(text).join(', ')}])`,
    `aggregateWindow(every: ${every}, fn: sum, createEmpty: false, timeSrc: "_start")`,
  );
}

/** Counts of windows of a minute, or of an hour, as a rate for each second. */
export const rate =
  'map(fn: (r) => ({r with _value: float(v: r._value) / (if r._measurement =~ /1h$/ then 3600.0 else 60.0)}))';

export function keep(...columns: readonly string[]): string {
  return `keep(columns: [${columns.map(text).join(', ')}])`;
}

/** The newest value of every series that is left, as one table. */
export function latest(by: readonly string[]): string {
  return pipe('last()', 'group()', keep('_time', '_value', ...by));
}

/** Rows of a table of events: their fields side by side, newest first. */
export function events(columns: readonly string[], limit = 100): string {
  return pipe(
    'pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")',
    'group()',
    'sort(columns: ["_time"], desc: true)',
    `limit(n: ${limit})`,
    'rename(columns: {_time: "time"})',
    keep('time', ...columns),
  );
}

/** The values that a tag had lately, for a variable. */
export function tagValues(bucket: string, measurement: string, tag: string, where: readonly string[] = []): string {
  const conditions = [`r._measurement == ${text(measurement)}`, ...where];
  return [
    'import "influxdata/influxdb/schema"',
    `schema.tagValues(bucket: ${text(bucket)}, tag: ${text(tag)}, predicate: (r) => ${conditions.join(' and ')}, start: ${VALUES_RANGE})`,
    '  |> limit(n: 1000)',
  ].join('\n');
}
