import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';
import { HeadwaterError, TOPICS, type Topic } from '../../contract/index.ts';

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

/** The topics that rules are about, with the fields that name a record's series and time. */
const WATCHED = new Map(
  [
    ...[TOPICS.readings10s, TOPICS.readings1m].map((topic) => ({ topic, series: 'series', time: 'windowEnd' })),
    ...[TOPICS.sites1m, TOPICS.siteComfort1m].map((topic) => ({ topic, series: 'series', time: 'windowEnd' })),
    { topic: TOPICS.comfort1m, series: 'series', time: 'windowEnd' },
    ...[TOPICS.webRequests10s, TOPICS.webRequests1m].map((topic) => ({ topic, series: 'series', time: 'windowEnd' })),
    ...[TOPICS.webSite10s, TOPICS.webSite1m].map((topic) => ({ topic, series: 'series', time: 'windowEnd' })),
    ...[TOPICS.transactions10s, TOPICS.transactions1m].map((topic) => ({ topic, series: 'series', time: 'windowEnd' })),
    { topic: TOPICS.silences, series: 'series', time: 'ts' },
    { topic: TOPICS.episodes, series: 'series', time: 'windowEnd' },
    { topic: TOPICS.anomalies, series: 'series', time: 'ts' },
    { topic: TOPICS.health, series: 'process', time: 'ts' },
    { topic: TOPICS.gateways, series: 'gateway', time: 'ts' },
  ].map((watched) => [watched.topic.name as string, watched]),
);

const Rule = z
  .strictObject({
    id: z.string().regex(/^[a-z0-9-]+$/, 'must be of a–z 0–9 -'),
    severity: z.enum(['info', 'warning', 'critical']),
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
  })
  .transform(({ topic, series, for: forMs, ...rule }) => {
    const watched = WATCHED.get(topic)!;
    return { ...rule, topic: watched.topic as Topic, time: watched.time, series: series ?? watched.series, forMs };
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
  if (problems.length > 0)
    throw new HeadwaterError('RULES_INVALID', `The alert rules in ${dir} cannot be used: ${problems[0]}`, {
      details: problems,
    });
  return rules;
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
