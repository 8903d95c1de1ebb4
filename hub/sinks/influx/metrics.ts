import type { Family, MetricsPart } from '../../health/index.ts';
import type { InfluxSinkStatus } from './sink.ts';

const family = (name: string, type: Family['type'], help: string, labels: readonly string[] = []): Family => ({
  name: `headwater_hub_influx_${name}`,
  type,
  help,
  labels,
});

export const INFLUX_METRICS: readonly Family[] = [
  family('up', 'gauge', '1 while InfluxDB takes what is written to it.'),
  family('points_total', 'counter', 'Points stored in InfluxDB.'),
  family('writes_total', 'counter', 'Batches stored in InfluxDB.'),
  family('retries_total', 'counter', 'Writes that had to be tried again.'),
  family('lag_records', 'gauge', 'Records of this hub’s partitions that are in Kafka and not in InfluxDB.'),
  family('dead_letters_total', 'counter', 'Records that went to dead-letters instead.', ['code']),
  family('series_refused_points_total', 'counter', 'Points of series beyond stores.influx.maxSeries.'),
  family('expired_points_total', 'counter', 'Points older than their bucket keeps any.'),
];

/** What the InfluxDB sink says of itself, for Prometheus. */
export function influxPart(status: () => InfluxSinkStatus): MetricsPart {
  return {
    families: INFLUX_METRICS,
    tell(tell) {
      const now = status();
      tell('headwater_hub_influx_up', now.state === 'ready' ? 1 : 0);
      tell('headwater_hub_influx_points_total', now.points);
      tell('headwater_hub_influx_writes_total', now.writes);
      tell('headwater_hub_influx_retries_total', now.retries);
      tell('headwater_hub_influx_lag_records', now.lag);
      for (const [code, count] of Object.entries(now.deadLetters)) {
        tell('headwater_hub_influx_dead_letters_total', count, { code });
      }
      tell('headwater_hub_influx_series_refused_points_total', now.turnedAway);
      tell('headwater_hub_influx_expired_points_total', now.expired);
    },
  };
}
