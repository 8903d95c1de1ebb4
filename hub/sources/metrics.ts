import { type Family, familyOf, type MetricsPart } from '../health/index.ts';
import type { Source } from './types.ts';

const family = familyOf('headwater_hub_source', 'source');

export const SOURCE_METRICS: readonly Family[] = [
  family('up', 'gauge', '1 while the source follows its file and Kafka takes what it reads.'),
  family('records_total', 'counter', 'Records carried to Kafka.'),
  family('dead_letters_total', 'counter', 'Lines and entries that could not be understood, kept as dead letters.'),
  family('failures_total', 'counter', 'How often the source failed and began again from its last committed place.'),
  family(
    'lag_bytes',
    'gauge',
    'Bytes of the followed file that are not yet in Kafka; after a rotation, of the new file.',
  ),
];

/** What sources say of themselves, for Prometheus. */
export function sourcesPart(sources: readonly Source[]): MetricsPart {
  return {
    families: SOURCE_METRICS,
    async tell(tell) {
      for (const one of sources) {
        const { name, state, records, deadLetters, failures } = one.status();
        const source = { source: name };
        tell('headwater_hub_source_up', state === 'ok' ? 1 : 0, source);
        tell('headwater_hub_source_records_total', records, source);
        tell('headwater_hub_source_dead_letters_total', deadLetters, source);
        tell('headwater_hub_source_failures_total', failures, source);
        tell('headwater_hub_source_lag_bytes', await one.lagBytes?.(), source);
      }
    },
  };
}
