import type { Labels } from '../../contract/index.ts';
import type { Rule } from './rules.ts';

/** What a rule has to judge: one record of its topic, reduced to what matters. */
export interface Signal {
  readonly rule: string;
  readonly series: string;
  /** `<rule>/<series>`. */
  readonly key: string;
  readonly severity: Rule['severity'];
  /** Of a rule about what a field is: 1 where it is so, else 0. */
  readonly value: number | null;
  readonly summary: string;
  /** What the record is about. */
  readonly labels: Labels;
  readonly ts: number;
}

/** Alerts are about now: what a replay or a backlog brings of older times is not judged. */
const OLD_MS = 600_000;
const LONGEST = 300;

/** The signals of one record: one for each rule that it concerns. */
export function signalsOf(rules: readonly Rule[], record: object, appendedAt: number): Signal[] {
  return rules.flatMap((rule) => {
    const { when } = rule;
    // A clock that is ahead must not make old what comes when it was set right; and silence is about when something was heard.
    const ts = 'silentFor' in when ? appendedAt : Math.min(at(record, rule.time) as number, appendedAt);
    if (ts < appendedAt - OLD_MS || !concerns(rule, record)) return [];
    const found = 'field' in when ? at(record, when.field) : null;
    const value = 'is' in when ? Number(found === when.is) : found;
    if ('field' in when && typeof value !== 'number') return [];
    const series = String(at(record, rule.series));
    const key = `${rule.id}/${series}`;
    const { id, severity } = rule;
    const about = { labels: labelsOf(rule, record), summary: clip(fill(rule, record)) };
    return [{ rule: id, series, key, severity, value: value as number | null, ...about, ts }];
  });
}

/** What the record says about itself, without what it leaves open. */
function labelsOf(rule: Rule, record: object): Labels {
  const labels: Labels = {};
  for (const [name, field] of Object.entries(rule.labels)) {
    const value = at(record, field);
    if (value !== undefined && value !== null) labels[name] = clip(String(value));
  }
  return labels;
}

/** Paths of a web site come from its visitors: an alert stays small, whatever they ask for. */
function clip(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

function concerns({ where, atLeast }: Rule, record: object): boolean {
  return (
    Object.entries(where).every(([field, wanted]) => at(record, field) === wanted) &&
    Object.entries(atLeast).every(([field, least]) => (at(record, field) as number) >= least)
  );
}

/** The summary with the record's fields; `{value}` is left for whoever judges. */
function fill({ summary }: Rule, record: object): string {
  return summary.replace(/\{([\w.]+)\}/g, (place, name: string) =>
    name === 'value' ? place : shown(at(record, name) ?? 'unknown'),
  );
}

function shown(value: unknown): string {
  return String(typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value);
}

function at(record: object, path: string): unknown {
  let value: unknown = record;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}
