import { OWN_TOPICS } from '../../../contract/index.ts';
import type { Aggregate, Job, WindowSize, WindowsTo } from '../../../streams/core/index.ts';
import type { FieldType, Measurement } from './points.ts';

/** What each aggregate puts out; lists are left to Kafka. */
const TYPES: Readonly<Record<Aggregate['fn'], FieldType | undefined>> = {
  count: 'integer',
  distinct: 'integer',
  sum: 'float',
  mean: 'float',
  min: 'float',
  max: 'float',
  range: 'float',
  variance: 'float',
  share: 'float',
  quantile: 'float',
  sumDecimal: 'money',
  maxDecimal: 'money',
  first: 'any',
  last: 'any',
  top: undefined,
};

/** How windows of jobs that somebody added to a hub become points: what a series is called by are tags, what is computed are fields. */
export function ownMeasurements(jobs: readonly Job[]): Measurement[] {
  const ends = jobs.flatMap(({ plans }) => plans.map(({ end }) => end)).filter((end) => end.kind === 'windows');
  return ends.flatMap((end) =>
    end.sizes.filter(({ to }) => to.name.startsWith(OWN_TOPICS)).map((size) => measurementOf(end, size)),
  );
}

function measurementOf({ by, select, derive = {}, emit }: WindowsTo, size: WindowSize): Measurement {
  const tags = Object.keys(by).sort();
  const computed = Object.entries(select).map(([name, { fn }]) => [name, TYPES[fn]] as const);
  const derived = Object.keys(derive).map((name) => [name, 'any'] as const);
  const typed = [...computed, ...derived].filter((one): one is [string, FieldType] => one[1] !== undefined);
  const isSession = 'gapMs' in size;
  return {
    name: size.to.name,
    topic: size.to,
    bucket: 'results',
    time: 'windowStart',
    tags,
    fields: {
      revision: 'integer',
      ...(emit && { early: 'boolean' }),
      ...(isSession && { windowEnd: 'integer', mergedInto: 'integer' }),
      ...Object.fromEntries(typed),
    },
    // Whatever a series is called by, a tag is a text.
    split: (row) => [{ ...row, ...Object.fromEntries(tags.map((tag) => [tag, textOf(row[tag])])) }],
  };
}

const textOf = (value: unknown) =>
  value === null || value === undefined || typeof value === 'string' ? value : JSON.stringify(value);
