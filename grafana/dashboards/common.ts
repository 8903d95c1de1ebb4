import { events, from, keep, pipe, tagValues } from '../flux.ts';
import type { Annotation, Panel, Thresholds, Variable } from '../spec.ts';

export const RED_ABOVE_ZERO: Thresholds = { base: 'green', steps: [[1, 'red']] };
export const DISK_FREE: Thresholds = {
  base: 'red',
  steps: [
    [500_000_000, 'orange'],
    [2_000_000_000, 'green'],
  ],
};
/** Seconds until a certificate ends. */
export const UNTIL_EXPIRY: Thresholds = {
  base: 'red',
  steps: [
    [3 * 86_400, 'orange'],
    [21 * 86_400, 'green'],
  ],
};

export const gatewayVariable: Variable = {
  name: 'gateway',
  label: 'Gateway',
  query: tagValues('results', 'gateways', 'gateway'),
};
export const siteVariable: Variable = {
  name: 'site',
  label: 'Site',
  query: tagValues('results', 'iot.sites.1m', 'site'),
};

/** Marks where the detectors found something; its text says what. */
export function anomalyMarks(...where: string[]): Annotation {
  const query = pipe(
    from({ measurement: 'anomalies', fields: ['reason'], where }),
    'map(fn: (r) => ({r with _value: r.source + " " + r.series + ": " + r._value}))',
    'group()',
    'sort(columns: ["_time"], desc: true)',
    'limit(n: 200)',
    keep('_time', '_value'),
  );
  return { name: 'Anomalies', color: 'orange', query };
}

/** Marks where an alert began to fire or was over. */
export const alertMarks: Annotation = {
  name: 'Alerts',
  color: 'red',
  query: pipe(
    from({ measurement: 'alerts', fields: ['summary'], where: ['r.state == "firing" or r.state == "resolved"'] }),
    'map(fn: (r) => ({r with _value: r.rule + " " + r.state + ": " + r._value}))',
    'group()',
    'sort(columns: ["_time"], desc: true)',
    'limit(n: 200)',
    keep('_time', '_value'),
  ),
};

/** What became of each rule and series lately, and of that what still fires. */
export const alertsNow = pipe(
  from({ measurement: 'alerts', fields: ['summary'] }),
  'group(columns: ["rule", "series"])',
  'sort(columns: ["_time"])',
  'last()',
  'filter(fn: (r) => r.state == "firing")',
);

/** Episodes of some kinds, as a table. */
export function episodes(title: string, description: string, kinds: string[], measure: 'most' | 'peak'): Panel {
  const names = kinds.map((kind) => `r.kind == "${kind}"`).join(' or ');
  return {
    title,
    description,
    kind: 'table',
    queries: [
      pipe(
        from({ measurement: 'episodes', fields: ['count', 'early', measure, 'until'], where: [names] }),
        events(['kind', 'subject', 'early', measure, 'until']),
      ),
    ],
    columns: {
      time: { title: 'Began' },
      kind: { title: 'What' },
      subject: { title: 'Who' },
      early: { title: 'Goes on', unit: 'bool_yes_no' },
      [measure]:
        measure === 'most' ? { title: 'Most in ten seconds' } : { title: 'At its height', unit: 'percentunit' },
      until: { title: 'Until', unit: 'dateTimeAsIso' },
    },
    width: 24,
  };
}

/** What the detectors found, newest first. */
export function anomalyTable(...where: string[]): Panel {
  return {
    title: 'Anomalies',
    description: 'What the detectors found, newest first: the value, what was expected instead, and why it stands out.',
    kind: 'table',
    queries: [
      pipe(
        from({ measurement: 'anomalies', fields: ['value', 'expected', 'score', 'reason'], where }),
        events(['source', 'series', 'value', 'expected', 'score', 'reason']),
      ),
    ],
    columns: {
      time: { title: 'When' },
      source: { title: 'In' },
      series: { title: 'Series' },
      value: { title: 'Value' },
      expected: { title: 'Expected' },
      score: { title: 'Score', unit: 'percentunit' },
      reason: { title: 'Why' },
    },
    width: 24,
  };
}
