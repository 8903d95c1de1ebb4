import { type Family, familyOf, type MetricsPart } from '../../health/index.ts';
import type { InfluxSinkStatus } from './sink.ts';

const family = familyOf('headwater_hub_influx');

export const INFLUX_METRICS: readonly Family[] = [
  family('up', 'gauge', '1 while InfluxDB takes what is written to it.'),
  family('points_total', 'counter', 'Points stored in InfluxDB.'),
  family('writes_total', 'counter', 'Batches stored in InfluxDB.'),
  family('retries_total', 'counter', 'Writes that had to be tried again.'),
  family('lag_records', 'gauge', 'Records of this hub’s partitions that are in Kafka and not in InfluxDB.'),
  family('dead_letters_total', 'counter', 'Records that went to dead-letters instead.', 'code'),
  family('series_refused_points_total', 'counter', 'Points of series beyond stores.influx.maxSeries.'),
  family('expired_points_total', 'counter', 'Points older than their bucket keeps any.'),
  family('missed_offsets_total', 'counter', 'Offsets that Kafka had deleted before they were read.', 'topic'),
];

/** What the InfluxDB sinks of this process say of themselves, for Prometheus: together. */
export function influxPart(statuses: () => readonly InfluxSinkStatus[]): MetricsPart {
  return {
    families: INFLUX_METRICS,
    tell(tell) {
      const now = statuses();
      const put = (name: string, of: (status: InfluxSinkStatus) => number, labels = {}) =>
        tell(
          `headwater_hub_influx_${name}`,
          now.reduce((total, status) => total + of(status), 0),
          labels,
        );
      const keysOf = (of: (status: InfluxSinkStatus) => object) => new Set(now.flatMap((one) => Object.keys(of(one))));
      tell('headwater_hub_influx_up', now.every(({ state }) => state === 'ready') ? 1 : 0);
      put('points_total', ({ points }) => points);
      put('writes_total', ({ writes }) => writes);
      put('retries_total', ({ retries }) => retries);
      put('lag_records', ({ lag }) => lag);
      for (const code of keysOf(({ deadLetters }) => deadLetters))
        put('dead_letters_total', ({ deadLetters }) => deadLetters[code] ?? 0, { code });
      put('series_refused_points_total', ({ turnedAway }) => turnedAway);
      put('expired_points_total', ({ expired }) => expired);
      for (const topic of keysOf(({ missed }) => missed))
        put('missed_offsets_total', ({ missed }) => missed[topic] ?? 0, { topic });
    },
  };
}
