import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { Account, Device, Place, TOPICS, type Topic } from '../../contract/index.ts';
import type { KafkaSettings } from '../../kafka/index.ts';
import type { MetricsPart } from '../health/index.ts';
import { accessLog } from './access-log.ts';
import type { SourcesConfig } from './config.ts';
import { startFileSource } from './file-source.ts';
import { transactions, weather } from './json-lines.ts';
import { sourcesPart } from './metrics.ts';
import { POSITIONS } from './positions.ts';
import { startRegistry } from './registry.ts';
import type { Source, SourceLog, SourceStatus } from './types.ts';

export { SourcesConfig } from './config.ts';
export { SOURCE_METRICS } from './metrics.ts';
export type { SourceStatus } from './types.ts';

/** The internal topics that sources need. */
export const sourceTopics = (): readonly Topic[] => [POSITIONS];

export interface SourcesOptions {
  /** As the user `sources`. */
  readonly kafka: KafkaSettings;
  readonly log: SourceLog;
}

/** Starts all configured sources. They wait for files that are not there and outlive Kafka's absence. */
export function startSources(
  config: SourcesConfig,
  { kafka, log }: SourcesOptions,
): { status(): SourceStatus[]; readonly metrics: MetricsPart; close(): Promise<void> } {
  const common = { kafka, log };
  const sources: Source[] = [
    ...config.web.map(({ name, file, durationUnit }) =>
      startFileSource({ ...common, name: name ?? nameOf('web', file), file, ...accessLog(durationUnit) }),
    ),
    ...config.transactions.map(({ name, file }) =>
      startFileSource({ ...common, name: name ?? nameOf('transactions', file), file, ...transactions() }),
    ),
    ...config.weather.map(({ name, file }) =>
      startFileSource({ ...common, name: name ?? nameOf('weather', file), file, ...weather() }),
    ),
  ];
  const registries = [
    { name: 'devices', file: config.devices?.file, topic: TOPICS.devices.name, schema: Device },
    { name: 'accounts', file: config.accounts?.file, topic: TOPICS.accounts.name, schema: Account },
    { name: 'places', file: config.places?.file, topic: TOPICS.places.name, schema: Place },
  ];
  for (const { file, ...registry } of registries) {
    if (file !== undefined) sources.push(startRegistry({ ...common, ...registry, file }));
  }
  return {
    status: () => sources.map((source) => source.status()),
    metrics: sourcesPart(sources),
    async close() {
      await Promise.all(sources.map((source) => source.close()));
    },
  };
}

/** A name for a source that was given none: the same for the same file, wherever the list is reordered. */
function nameOf(kind: string, file: string): string {
  return `${kind}.${createHash('sha256').update(resolve(file)).digest('hex').slice(0, 12)}`;
}
