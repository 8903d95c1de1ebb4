import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';
import { HeadwaterError, LABEL, SEVERITIES, type Topic } from '../../contract/index.ts';
import { WATCHED } from './watched.ts';

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** `500ms`, `30s`, `5m`, `1h`; becomes ms. */
const duration = z
  .string()
  .regex(/^\d+(ms|s|m|h)$/, 'must be a number with its unit: ms, s, m or h')
  .transform((text) => {
    const digits = Number.parseInt(text, 10);
    return digits * UNITS[text.replace(/^\d+/, '') as keyof typeof UNITS];
  });

/** A field of the record; dots reach into it. */
const path = z.string().min(1);
const label = z.string().regex(LABEL, 'must be of A–Z a–z 0–9 _ and not begin with a digit');

/** Labels that every alert has, whatever its rule. */
const OF_EVERY_ALERT = ['rule', 'severity', 'series'];

const When = z.union([
  /** A value outside of a band. */
  z
    .strictObject({ field: path, above: z.number().optional(), below: z.number().optional() })
    .refine(({ above, below }) => above !== undefined || below !== undefined, 'needs `above` or `below`'),
  /** A value above a limit that does not fall. */
  z.strictObject({ field: path, growingAbove: z.number() }),
  /** From a record whose field is that until one whose field is not, however long that takes. */
  z.strictObject({ field: path, is: z.union([z.string(), z.number(), z.boolean()]) }),
  /** No record at all. */
  z.strictObject({ silentFor: duration }),
  /** So many records in so short a time. */
  z.strictObject({ count: z.int().min(1).max(1_000), within: duration }),
]);
export type When = z.output<typeof When>;

const Rule = z
  .strictObject({
    id: z.string().regex(/^[a-z0-9-]+$/, 'must be of a–z 0–9 -'),
    severity: z.enum(SEVERITIES),
    /** For people; `{field}` stands for a field of the record, `{value}` for what was judged. */
    summary: z.string().min(1),
    topic: z.enum([...WATCHED.keys()]),
    /** Fields that must be equal to these. */
    where: z.record(path, z.union([z.string(), z.number(), z.boolean()])).default({}),
    /** Fields that must be at least these. */
    atLeast: z.record(path, z.number()).default({}),
    /** The field that names the series, where it is not the topic's own. */
    series: path.optional(),
    when: When,
    /** How long it must be so before the alert fires. */
    for: duration.default(0),
    /** What the alert is about: fields of the record by the label's name, besides those that the topic has by itself. */
    labels: z.record(label, path).default({}),
    /** Alerts with equal labels are told together; `rule`, `severity` and `series` are labels too. */
    groupBy: z.array(label).default(['rule', 'site']),
    /** While one of these rules fires with the same labels as this alert, it is not told: it follows from that. */
    inhibitedBy: z.array(z.strictObject({ rule: z.string(), equal: z.array(label).min(1) })).default([]),
  })
  .transform(({ topic, series, labels, for: forMs, ...rule }, context) => {
    const watched = WATCHED.get(topic)!;
    const made = {
      ...rule,
      topic: watched.topic as Topic,
      time: watched.time,
      series: series ?? watched.series,
      labels: { ...watched.labels, ...labels },
      forMs,
    };
    const known = new Set([...OF_EVERY_ALERT, ...Object.keys(made.labels)]);
    // Every rule may be grouped by site; where there is none, its alerts are one group.
    const unknown = made.groupBy.find((name) => !known.has(name) && name !== 'site');
    if (unknown !== undefined)
      context.addIssue({ code: 'custom', path: ['groupBy'], message: `this rule has no label ${unknown}` });
    return made;
  });
export type Rule = z.output<typeof Rule>;

/** @throws HeadwaterError `RULES_INVALID` with every problem of all files, each with its place */
export function loadRules(dir = fileURLToPath(new URL('rules', import.meta.url))): Rule[] {
  const problems: string[] = [];
  const rules: Rule[] = [];
  const files = readdirSync(dir).filter((name) => name.endsWith('.yaml'));
  for (const file of files.sort()) {
    const parsed = parseRules(readFileSync(join(dir, file), 'utf8'));
    problems.push(...parsed.problems.map((problem) => `${file}: ${problem}`));
    for (const rule of parsed.rules) {
      if (rules.some(({ id }) => id === rule.id)) problems.push(`${file}: there are two rules ${rule.id}`);
      rules.push(rule);
    }
  }
  problems.push(...inhibitionProblems(rules));
  if (problems.length > 0)
    throw new HeadwaterError('RULES_INVALID', `The alert rules in ${dir} cannot be used: ${problems[0]}`, {
      details: problems,
    });
  return rules;
}

/** Rules that would be held back by what is not there, or by each other: then nobody would be told of either. */
function inhibitionProblems(rules: readonly Rule[]): string[] {
  const byId = new Map(rules.map((rule) => [rule.id, rule]));
  const problems: string[] = [];
  const causes = (rule: Rule) => rule.inhibitedBy.flatMap((by) => byId.get(by.rule) ?? []);
  for (const rule of rules) {
    for (const { rule: id, equal } of rule.inhibitedBy) {
      const cause = byId.get(id);
      if (cause === undefined) problems.push(`${rule.id}: it is inhibited by ${id}, and there is no such rule`);
      else
        for (const one of [rule, cause])
          for (const name of equal)
            if (!(name in one.labels))
              problems.push(`${rule.id}: inhibited by ${id} with equal ${name}, but ${one.id} has no such label`);
    }
    const seen = new Set<Rule>();
    const waiting = causes(rule);
    for (let cause = waiting.pop(); cause !== undefined; cause = waiting.pop()) {
      if (seen.has(cause)) continue;
      seen.add(cause);
      waiting.push(...causes(cause));
    }
    if (seen.has(rule)) problems.push(`${rule.id}: it inhibits itself, by way of what it is inhibited by`);
  }
  return problems;
}

/** Rules written as a YAML list, and what is wrong with them. */
export function parseRules(text: string): { rules: Rule[]; problems: string[] } {
  let list: unknown;
  try {
    list = parse(text);
  } catch (error) {
    return { rules: [], problems: [(error as Error).message] };
  }
  const result = z.array(Rule).safeParse(list);
  if (result.success) return { rules: result.data, problems: [] };
  return { rules: [], problems: result.error.issues.map((i) => `${i.path.join('.') || 'file'}: ${i.message}`) };
}
