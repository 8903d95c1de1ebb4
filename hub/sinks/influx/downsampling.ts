import type { Bucket } from './points.ts';

/** An hour's worth of windows of a minute as one point, in a bucket that keeps it for long. */
export interface Downsampling {
  /** Measurement of windows of a minute, in the bucket `results`. */
  readonly from: string;
  readonly to: string;
  /** Means, which count as often as there were records in their minute. */
  readonly mean: readonly string[];
  readonly min: readonly string[];
  readonly max: readonly string[];
  /** Besides `count`. */
  readonly sum: readonly string[];
}

export const DOWNSAMPLED: readonly Downsampling[] = [
  { from: 'iot.readings.1m', to: 'iot.readings.1h', mean: ['mean'], min: ['min'], max: ['max'], sum: [] },
  { from: 'iot.sites.1m', to: 'iot.sites.1h', mean: ['mean'], min: ['min'], max: ['max'], sum: [] },
  { from: 'web.requests.1m', to: 'web.requests.1h', mean: ['errorShare'], min: [], max: ['p95'], sum: [] },
  { from: 'web.site.1m', to: 'web.site.1h', mean: ['errorShare'], min: [], max: ['p95'], sum: [] },
  { from: 'finance.transactions.1m', to: 'finance.transactions.1h', mean: [], min: [], max: ['max'], sum: ['sum'] },
];

/** A task of InfluxDB's. */
export interface Task {
  readonly name: string;
  readonly flux: string;
}

/**
 * Each measurement is gone over twice: every hour its last three, and every night its last eight days, as long as a gateway's backlog may be old. Both write
 * whole hours anew, from windows that have been revised meanwhile.
 */
export function tasks(buckets: Readonly<Record<Bucket, string>>, hours: string): Task[] {
  return DOWNSAMPLED.flatMap((one) =>
    [
      { kind: 'hourly', every: '1h', offset: '5m', back: '3h' },
      { kind: 'nightly', every: '1d', offset: '40m', back: '8d' },
    ].map(({ kind, every, offset, back }) => {
      const name = `headwater ${one.to} ${kind}`;
      const range = `start: date.truncate(t: date.sub(from: now(), d: ${back}), unit: 1h), stop: date.truncate(t: now(), unit: 1h)`;
      const flux = `import "date"

option task = {name: ${JSON.stringify(name)}, every: ${every}, offset: ${offset}}

${downsample(one, buckets.results, hours, range)}`;
      return { name, flux };
    }),
  );
}

/** Flux that writes the hours of a range. `range` is what stands between the brackets. Needs the package `date` where that names it. */
export function downsample(one: Downsampling, from: string, to: string, range: string): string {
  const { mean, min, max, sum } = one;
  const fields = ['count', ...new Set([...mean, ...min, ...max, ...sum])];
  // A window without response times has no percentile.
  const least = min.map((f) => [f, pick(f, '<')] as const);
  const most = max.map((f) => [f, pick(f, '>')] as const);
  const identity = [
    'count: 0',
    ...mean.map((f) => `${f}: 0.0`),
    ...sum.map((f) => `${f}: 0.0`),
    ...[...min, ...max].flatMap((f) => [`${f}: 0.0`, `${f}_seen: false`]),
  ];
  const steps = [
    'count: accumulator.count + r.count',
    ...mean.map((f) => `${f}: accumulator.${f} + r.${f} * float(v: r.count)`),
    ...sum.map((f) => `${f}: accumulator.${f} + r.${f}`),
    ...[...least, ...most].flatMap(([f, value]) => [
      `${f}: ${value}`,
      `${f}_seen: accumulator.${f}_seen or exists r.${f}`,
    ]),
  ];
  const results = [
    ['count', 'r.count'],
    ...mean.map((f) => [f, `r.${f} / float(v: r.count)`]),
    ...[...sum, ...min, ...max].map((f) => [f, `r.${f}`]),
  ] as const;
  return `hours = from(bucket: ${JSON.stringify(from)})
  |> range(${range})
  |> filter(fn: (r) => r._measurement == ${JSON.stringify(one.from)})
  |> filter(fn: (r) => ${fields.map((f) => `r._field == ${JSON.stringify(f)}`).join(' or ')})
  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
  |> filter(fn: (r) => r.count > 0)
  |> window(every: 1h)
  |> reduce(
    identity: {${identity.join(', ')}},
    fn: (r, accumulator) => ({
      ${steps.join(',\n      ')},
    }),
  )
  |> map(fn: (r) => ({r with _time: r._start, _measurement: ${JSON.stringify(one.to)}}))
${results
  .map(
    ([field, value]) => `
hours
${[...min, ...max].includes(field) ? `  |> filter(fn: (r) => r.${field}_seen)\n` : ''}  |> map(fn: (r) => ({r with _field: ${JSON.stringify(field)}, _value: ${value}}))
  |> drop(columns: ["_start", "_stop", ${[...new Set(['count', ...mean, ...sum, ...min, ...max])].map((f) => JSON.stringify(f)).join(', ')}${[...min, ...max].map((f) => `, "${f}_seen"`).join('')}])
  |> group(columns: ["_time", "_value"], mode: "except")
  |> to(bucket: ${JSON.stringify(to)})
`,
  )
  .join('')}`;
}

const pick = (field: string, sign: '<' | '>') =>
  `if exists r.${field} and (not accumulator.${field}_seen or r.${field} ${sign} accumulator.${field}) then r.${field} else accumulator.${field}`;
