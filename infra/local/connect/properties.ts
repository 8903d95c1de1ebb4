import { basename, dirname } from 'node:path';
import { CONNECT_TOPICS } from '../../../contract/index.ts';

export interface WorkerConfig {
  readonly brokers: readonly string[];
  readonly caPath: string;
  readonly username: string;
  readonly passwordFile: string;
  /** Of the REST interface, on 127.0.0.1. */
  readonly port: number;
  readonly replication: number;
  /** Folder of the files that connectors may take secrets from, and no others. */
  readonly secretsDir: string;
}

/** How a Connect cluster is called, and the group by which its workers find each other. */
export const CONNECT_GROUP = 'connect';

/** The properties of one worker. They hold no secret, only the places of them. */
export function workerProperties(config: WorkerConfig): string {
  const { brokers, caPath, username, passwordFile, port, replication, secretsDir } = config;
  const password = `\${dir:${dirname(passwordFile)}:${basename(passwordFile)}}`;
  const security = {
    'security.protocol': 'SASL_SSL',
    'sasl.mechanism': 'SCRAM-SHA-512',
    'sasl.jaas.config': `org.apache.kafka.common.security.scram.ScramLoginModule required username="${username}" password="${password}";`,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': caPath,
  };
  const properties: Record<string, string | number | boolean> = {
    'bootstrap.servers': brokers.join(','),
    'group.id': CONNECT_GROUP,
    // The worker itself, the producer of dead letters and the consumers of sinks each read their own.
    ...security,
    ...prefixed('producer.', security),
    ...prefixed('consumer.', security),
    ...prefixed('admin.', security),

    'config.storage.topic': CONNECT_TOPICS.configs.name,
    'offset.storage.topic': CONNECT_TOPICS.offsets.name,
    'status.storage.topic': CONNECT_TOPICS.status.name,
    'config.storage.replication.factor': replication,
    'offset.storage.replication.factor': replication,
    'status.storage.replication.factor': replication,
    'offset.storage.partitions': CONNECT_TOPICS.offsets.partitions,
    'status.storage.partitions': CONNECT_TOPICS.status.partitions,

    listeners: `http://127.0.0.1:${port}`,
    'rest.advertised.host.name': '127.0.0.1',
    'rest.advertised.port': port,

    // Each connector names its own; these are what the worker must have.
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'connector.client.config.override.policy': 'Allowlist',
    'connector.client.config.override.allowlist': 'isolation.level',

    'config.providers': 'file,dir',
    'config.providers.file.class': 'org.apache.kafka.common.config.provider.FileConfigProvider',
    'config.providers.file.param.allowed.paths': secretsDir,
    'config.providers.dir.class': 'org.apache.kafka.common.config.provider.DirectoryConfigProvider',
    'config.providers.dir.param.allowed.paths': dirname(passwordFile),

    // Everything is on the class path and declares itself: looking through each jar takes seconds.
    'plugin.discovery': 'SERVICE_LOAD',
    // Positions every 5 s instead of 60: that much is written again after a kill.
    'offset.flush.interval.ms': 5_000,
    // Until a killed worker's consumers are taken for dead, their partitions are nobody's; 45 s by default.
    'consumer.session.timeout.ms': 15_000,
    // How long the tasks of a killed worker wait for another one, 5 min by default: with one worker, none will come but itself.
    'scheduled.rebalance.max.delay.ms': 0,
  };
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

const prefixed = (prefix: string, entries: Record<string, string>) =>
  Object.fromEntries(Object.entries(entries).map(([key, value]) => [`${prefix}${key}`, value]));
