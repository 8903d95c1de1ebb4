import type { Rule } from '../../hub/alerts/index.ts';
import { keep, PIPE, pipe, text } from '../flux.ts';
import { fieldType, type Stored, storedAs } from '../points.ts';

/** A rule's condition for Grafana: a query that gives each series one number with its time, and when that number is wrong. */
export interface Condition {
  readonly flux: string;
  /** How far back the query looks. */
  readonly lookbackMs: number;
  readonly evaluator: Evaluator;
  /** What names a series: columns of the query, which become labels. */
  readonly labels: readonly string[];
  /** Numbers that the rule's summary names besides the judged one, with a query for each. */
  readonly numbers: ReadonlyMap<string, string>;
}

export type Evaluator =
  | { readonly type: 'gt' | 'lt'; readonly params: readonly [number] }
  | { readonly type: 'outside_range'; readonly params: readonly [number, number] };

const MINUTE = 60_000;
const DAY = 86_400_000;
/** As the hub: an alert about a series that says nothing for so long is over. */
const FORGOTTEN_MS = 15 * MINUTE;
/** As long as the bucket keeps records: something is so until a record says that it is not. */
const KEPT_MS = 30 * DAY;
/** Silence is found in what was heard within a week; what has said nothing for longer is no longer waited for. */
const SILENCE_MS = 7 * DAY;

/** Fields that every record of a measurement has, for conditions on tags alone. */
const CARRIERS: Readonly<Record<string, string>> = {
  'iot.silences': 'since',
  gateways: 'backlog.readings',
  anomalies: 'score',
  'platform.health': 'rssMb',
  episodes: 'count',
};

interface Context {
  readonly rule: Rule;
  readonly stored: Stored;
  /** Columns that name a series and are labels of its alerts. */
  readonly labels: readonly string[];
}

/**
 * The one rendering of each kind of condition.
 * @throws Error naming the rule and what Flux cannot say of it
 */
export function conditionOf(rule: Rule): Condition {
  const stored = storedAs(rule.topic.name);
  if (stored === undefined) throw cannot(rule, `the topic ${rule.topic.name} is not stored in InfluxDB`);
  const context = { rule, stored, labels: labelsOf(rule, stored) };
  const names = [...rule.summary.matchAll(/\{([\w.]+)\}/g)].map(([, name]) => name!);
  const isNumber = (name: string) => !['text', 'boolean', undefined].includes(fieldType(stored, name));
  const others = names.filter((name) => name !== 'value' && isNumber(name));
  const numbers = new Map(others.map((name) => [name, number(context, name)]));
  return { ...judged(context), labels: context.labels, numbers };
}

type Judged = Pick<Condition, 'flux' | 'lookbackMs' | 'evaluator'>;

function judged(context: Context): Judged {
  const { when } = context.rule;
  if ('silentFor' in when) return silent(context, when.silentFor);
  if ('count' in when) return burst(context, when);
  if ('growingAbove' in when) return growing(context, when);
  if ('is' in when) return equal(context, when);
  return outside(context, when);
}

/** What an alert is about and a series is known by. */
function labelsOf(rule: Rule, stored: Stored): string[] {
  const { when, series } = rule;
  if ('count' in when && stored.tags.includes(series)) return [series];
  const judged = 'field' in when ? when.field : undefined;
  const texts = Object.values(rule.labels).filter((name) => fieldType(stored, name) === 'text');
  return [...new Set([...stored.tags, ...texts])].filter((name) => name !== judged);
}

function outside(context: Context, { field, above, below }: { field: string; above?: number; below?: number }): Judged {
  const evaluator: Evaluator =
    above === undefined
      ? { type: 'lt', params: [below!] }
      : below === undefined
        ? { type: 'gt', params: [above] }
        : { type: 'outside_range', params: [below, above] };
  return { flux: pipe(values(context, field), 'last()', toFloat, shown(context)), lookbackMs: FORGOTTEN_MS, evaluator };
}

/** The value where it is not below the one before, else the limit, which is not above itself. */
function growing(context: Context, { field, growingAbove }: { field: string; growingAbove: number }): Judged {
  const flux = pipe(
    values(context, field),
    'tail(n: 2)',
    toFloat,
    'duplicate(column: "_value", as: "change")',
    'difference(columns: ["change"])',
    `map(fn: (r) => ({r with _value: if r.change >= 0.0 then r._value else ${float(growingAbove)}}))`,
    shown(context),
  );
  return { flux, lookbackMs: FORGOTTEN_MS, evaluator: { type: 'gt', params: [growingAbove] } };
}

/** 1 for each series whose newest record says so; of others nothing, as there are ever more of them. */
function equal(context: Context, { field, is }: { field: string; is: string | number | boolean }): Judged {
  const column = context.stored.tags.includes(field) ? field : '_value';
  const flux = pipe(
    values(context, field),
    regroup(context),
    'last(column: "_time")',
    `filter(fn: (r) => ${same(column, is)})`,
    'map(fn: (r) => ({r with _value: 1.0}))',
    shown(context),
  );
  return { flux, lookbackMs: KEPT_MS, evaluator: { type: 'gt', params: [0] } };
}

/** Seconds since the newest record. */
function silent(context: Context, silentForMs: number): Judged {
  const flux = pipe(
    values(context, carrier(context.rule)),
    'last()',
    'map(fn: (r) => ({r with _value: float(v: int(v: v.timeRangeStop) - int(v: r._time)) / 1000000000.0}))',
    shown(context),
  );
  return { flux, lookbackMs: SILENCE_MS, evaluator: { type: 'gt', params: [silentForMs / 1_000] } };
}

/** How many records there were, by the tag that names the rule's series. */
function burst(context: Context, { count, within }: { count: number; within: number }): Judged {
  const flux = pipe(
    values(context, carrier(context.rule)),
    `group(columns: ${list(context.labels)})`,
    'count()',
    toFloat,
    'map(fn: (r) => ({r with _time: time(v: int(v: v.timeRangeStop))}))',
    shown(context),
  );
  return { flux, lookbackMs: within, evaluator: { type: 'gt', params: [count - 1] } };
}

/** Another number of the newest record of each series, for the text of an alert. */
function number(context: Context, field: string): string {
  return pipe(values(context, field), regroup(context), 'last()', toFloat, shown(context));
}

const toFloat = 'map(fn: (r) => ({r with _value: float(v: r._value)}))';
const regroup = ({ labels }: Context) => pipe(`group(columns: ${list(labels)})`, 'sort(columns: ["_time"])');
const shown = ({ labels }: Context) => pipe(`group(columns: ${list(labels)})`, keep('_time', '_value', ...labels));

/** A field of the records that concern the rule, as `_value`, each series a table. */
function values(context: Context, judged: string): string {
  const { rule, stored, labels } = context;
  const isTag = (path: string) => stored.tags.includes(path);
  const field = isTag(judged) ? carrier(rule) : judged;
  const where = Object.entries(rule.where);
  const least = Object.entries(rule.atLeast);
  const besides = [...where.map(([path]) => path), ...least.map(([path]) => path), ...labels];
  const others = besides.filter((path) => !isTag(path));
  for (const path of [field, ...others]) {
    const type = fieldType(stored, path);
    if (type === undefined) throw cannot(rule, `${path} is neither tag nor field of ${rule.topic.name} in InfluxDB`);
    const judgedAsNumber = path === field && !('is' in rule.when && judged === rule.when.field);
    if (judgedAsNumber && (type === 'text' || type === 'boolean')) throw cannot(rule, `${path} is no number`);
  }
  for (const [path] of least) if (isTag(path)) throw cannot(rule, `the tag ${path} has no order`);
  const fields = [...new Set([field, ...others])];
  const source = [
    'from(bucket: "results")',
    'range(start: v.timeRangeStart, stop: v.timeRangeStop)',
    `filter(fn: (r) => r._measurement == ${text(rule.topic.name)})`,
    `filter(fn: (r) => ${fields.map((name) => `r._field == ${text(name)}`).join(' or ')})`,
    ...where
      .filter(([path]) => isTag(path))
      .map(([path, value]) => `filter(fn: (r) => ${at(path)} == ${text(String(value))})`),
  ];
  if (others.length === 0) return source.join(PIPE);
  const conditions = [
    `exists ${at(field)}`,
    ...where.filter(([path]) => !isTag(path)).map(([path, value]) => same(path, value)),
    ...least.map(([path, value]) => `float(v: ${at(path)}) >= ${float(value)}`),
  ];
  return [
    ...source,
    'pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")',
    `filter(fn: (r) => ${conditions.join(' and ')})`,
    `map(fn: (r) => ({r with _value: ${at(field)}}))`,
  ].join(PIPE);
}

function carrier(rule: Rule): string {
  const field = CARRIERS[rule.topic.name];
  if (field === undefined) throw cannot(rule, `no field is known that every record of ${rule.topic.name} has`);
  return field;
}

const at = (column: string) => `r[${text(column)}]`;
const list = (names: readonly string[]) => `[${names.map(text).join(', ')}]`;
const float = (value: number) => (Number.isInteger(value) ? `${value}.0` : String(value));
/** Numbers are floats or integers as their field is; they are compared as floats. */
function same(column: string, value: string | number | boolean): string {
  if (typeof value === 'number') return `float(v: ${at(column)}) == ${float(value)}`;
  return `${at(column)} == ${typeof value === 'string' ? text(value) : value}`;
}

function cannot(rule: Rule, reason: string): Error {
  return new Error(`the rule ${rule.id} cannot be a rule of Grafana: ${reason}`);
}
