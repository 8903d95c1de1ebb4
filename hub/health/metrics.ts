import { Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client';

/**
 * One metric, as data: the reference page is made from the same. Names begin with `headwater_hub_` for what this process does, with `headwater_platform_`
 * or `headwater_kafka_` for what every hub tells alike, and end in their base unit (`_seconds`, `_bytes`) and, of what only grows, in `_total`.
 */
export interface Family {
  readonly name: `headwater_${'hub' | 'platform' | 'kafka'}_${string}`;
  /** A histogram is told as what it has counted: see `Told`. */
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** A sentence. */
  readonly help: string;
  /** Their values must come from the configuration or the code, never from what devices and clients send: each is a series for ever. */
  readonly labels?: readonly string[];
}

/** Makes families whose names begin alike, and that all have the labels `of`. */
export const familyOf =
  (prefix: Family['name'], ...of: readonly string[]) =>
  (name: string, type: Family['type'], help: string, ...labels: readonly string[]): Family => ({
    name: `${prefix}_${name}`,
    type,
    help,
    labels: [...of, ...labels],
  });

/** What a histogram has counted since the process started. */
export interface Counted {
  /** How many were at most so much, by their upper bounds; each includes those before it. */
  readonly atMost: readonly (readonly [bound: number, count: number])[];
  readonly count: number;
  readonly sum: number;
}

/** Tells what a metric is now; of a counter its total. Where that is not known, nothing is told. */
export type Tell = (name: Family['name'], value: number | Counted | undefined, labels?: Record<string, string>) => void;

/** A part of the hub that has something to tell. */
export interface MetricsPart {
  readonly families: readonly Family[];
  /** Called at each scrape. What it does not tell is gone, such as a task that moved to another hub. */
  readonly tell: (tell: Tell) => void | Promise<void>;
}

export interface Metrics {
  readonly contentType: string;
  add(part: MetricsPart): void;
  render(): Promise<string>;
}

/** Looking at the event loop wakes the processor; ten times a second is often enough to see a delay. */
const EVENT_LOOP_PRECISION_MS = 100;
/** Gauges whose names say that they were counters. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/** Prometheus metrics of one hub: of its process, and what its parts tell. Watching the process begins with the first scrape. */
export function openMetrics(): Metrics {
  const registry = new Registry();
  const parts: { readonly part: MetricsPart; readonly metrics: ReadonlyMap<string, Told> }[] = [];
  let watching = false;

  return {
    contentType: registry.contentType,
    add(part) {
      parts.push({ part, metrics: new Map(part.families.map((family) => [family.name, toldBy(family, registry)])) });
    },
    async render() {
      if (!watching) watchProcess(registry);
      watching = true;
      for (const { part, metrics } of parts) {
        for (const metric of metrics.values()) metric.reset();
        await part.tell((name, value, labels = {}) => {
          if (value !== undefined) metrics.get(name)!.set(value, labels);
        });
      }
      return registry.metrics();
    },
  };
}

/** What Node and the system say of this process, and what prom-client knows of the event loop and the garbage collector. */
export function watchProcess(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: EVENT_LOOP_PRECISION_MS });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
}

interface Told {
  reset(): void;
  set(value: number | Counted, labels: Record<string, string>): void;
}

function toldBy(family: Family, registry: Registry): Told {
  const { name, help, labels: labelNames = [] } = family;
  const settings = { name, help, labelNames: [...labelNames], registers: [registry] };
  if (family.type === 'histogram') return countedElsewhere(family, registry);
  const metric = family.type === 'gauge' ? new Gauge(settings) : new Counter(settings);
  return {
    reset() {
      metric.reset();
      // One without labels begins at 0, which would be told where nothing is known.
      if (labelNames.length === 0) metric.remove({});
    },
    set(value, labels) {
      // The totals are kept elsewhere; prom-client's counters only know how to add.
      metric.remove(labels);
      metric.inc(labels, value as number);
    },
  };
}

/** prom-client's own histograms take one observation after the other; these were counted already. */
function countedElsewhere({ name, help }: Family, registry: Registry): Told {
  let values: { metricName: string; labels: Record<string, string | number>; value: number }[] = [];
  const metric = {
    name,
    help,
    type: 'histogram',
    aggregator: 'sum',
    reset() {},
    get: async () => ({ ...metric, values }),
  };
  registry.registerMetric(metric as unknown as Metric);
  return {
    reset() {
      values = [];
    },
    set(counted, labels) {
      const { atMost, count, sum } = counted as Counted;
      const bounds = [...atMost, ['+Inf', count] as const];
      values.push(
        ...bounds.map(([le, value]) => ({ metricName: `${name}_bucket`, labels: { ...labels, le }, value })),
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: count },
      );
    },
  };
}
