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
      const sum = (of: (status: InfluxSinkStatus) => number) => now.reduce((total, status) => total + of(status), 0);
      tell('headwater_hub_influx_up', now.every(({ state }) => state === 'ready') ? 1 : 0);
      tell(
        'headwater_hub_influx_points_total',
        sum(({ points }) => points),
      );
      tell(
        'headwater_hub_influx_writes_total',
        sum(({ writes }) => writes),
      );
      tell(
        'headwater_hub_influx_retries_total',
        sum(({ retries }) => retries),
      );
      tell(
        'headwater_hub_influx_lag_records',
        sum(({ lag }) => lag),
      );
      for (const code of new Set(now.flatMap(({ deadLetters }) => Object.keys(deadLetters)))) {
        tell(
          'headwater_hub_influx_dead_letters_total',
          sum(({ deadLetters }) => deadLetters[code] ?? 0),
          { code },
        );
      }
      tell(
        'headwater_hub_influx_series_refused_points_total',
        sum(({ turnedAway }) => turnedAway),
      );
      tell(
        'headwater_hub_influx_expired_points_total',
        sum(({ expired }) => expired),
      );
    },
  };
}
