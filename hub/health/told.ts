import type { Family, MetricsPart } from './metrics.ts';
import type { Known } from './state.ts';

export const HEALTH_METRICS: readonly Family[] = [
  { name: 'headwater_hub_info', type: 'gauge', help: '1; the labels tell what runs.', labels: ['hub', 'version'] },
  {
    name: 'headwater_platform_consumer_lag_records',
    type: 'gauge',
    help: 'Records that a consumer group has yet to read of a topic.',
    labels: ['group', 'topic'],
  },
  {
    name: 'headwater_hub_disk_free_bytes',
    type: 'gauge',
    help: 'Free space of the disk that holds the embedded store.',
  },
  {
    name: 'headwater_hub_certificate_expiry_timestamp_seconds',
    type: 'gauge',
    help: 'When a certificate expires that this hub depends on: the authority it trusts, the first of the brokers’.',
    labels: ['certificate'],
  },
  {
    name: 'headwater_kafka_partitions',
    type: 'gauge',
    help: 'Partitions of the topics that the hub may see.',
  },
  {
    name: 'headwater_kafka_under_replicated_partitions',
    type: 'gauge',
    help: 'Partitions with fewer replicas in sync than they should have.',
  },
  {
    name: 'headwater_kafka_offline_partitions',
    type: 'gauge',
    help: 'Partitions without a leader: nobody can read or write them.',
  },
  {
    name: 'headwater_kafka_broker_up',
    type: 'gauge',
    help: '1 while a broker is in the cluster; 0 of one that should hold replicas and is not.',
    labels: ['broker'],
  },
  {
    name: 'headwater_kafka_broker_out_of_sync_replicas',
    type: 'gauge',
    help: 'Replicas of a broker that are not in sync with their leader.',
    labels: ['broker'],
  },
  {
    name: 'headwater_kafka_broker_disk_free_bytes',
    type: 'gauge',
    help: 'Free space of the fullest disk that holds a broker’s logs.',
    labels: ['broker'],
  },
  {
    name: 'headwater_kafka_broker_certificate_expiry_timestamp_seconds',
    type: 'gauge',
    help: 'When the first certificate of the chain expires that a broker shows.',
    labels: ['broker'],
  },
];

/** What the health reporter knows, for Prometheus. */
export function healthPart(
  info: { readonly hub: string; readonly version: string },
  known: Known,
  certificateOf: (address: string) => number | undefined,
): MetricsPart {
  return {
    families: HEALTH_METRICS,
    tell(tell) {
      tell('headwater_hub_info', 1, info);
      for (const [name, lag] of Object.entries(known.lag ?? {})) {
        const at = name.indexOf('/');
        tell('headwater_platform_consumer_lag_records', lag, { group: name.slice(0, at), topic: name.slice(at + 1) });
      }
      tell('headwater_hub_disk_free_bytes', known.diskFreeBytes);
      for (const { name, expiresAt } of known.certificates)
        tell('headwater_hub_certificate_expiry_timestamp_seconds', expiresAt / 1_000, { certificate: name });
      const { cluster } = known;
      if (cluster === undefined) return;
      tell('headwater_kafka_partitions', cluster.partitions);
      tell('headwater_kafka_under_replicated_partitions', cluster.underReplicated);
      tell('headwater_kafka_offline_partitions', cluster.offline);
      for (const { id, address, outOfSync, disk } of cluster.brokers) {
        const broker = { broker: String(id) };
        tell('headwater_kafka_broker_up', address === undefined ? 0 : 1, broker);
        tell('headwater_kafka_broker_out_of_sync_replicas', outOfSync, broker);
        tell('headwater_kafka_broker_disk_free_bytes', disk?.freeBytes, broker);
        const expiresAt = address === undefined ? undefined : certificateOf(address);
        if (expiresAt !== undefined)
          tell('headwater_kafka_broker_certificate_expiry_timestamp_seconds', expiresAt / 1_000, broker);
      }
    },
  };
}
