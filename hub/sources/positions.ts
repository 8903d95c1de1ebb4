import { randomUUID } from 'node:crypto';
import { decode, encode, HeadwaterError, type Topic } from '../../contract/index.ts';
import {
  type IncomingRecord,
  type KafkaSettings,
  openConsumer,
  type TopicBatch,
  type TransactionalProducer,
} from '../../kafka/index.ts';

/** How far each source has read, by the source's name. Written in the same transaction as the records read up to there. */
export const POSITIONS: Topic = {
  name: 'sources.positions',
  key: 'source',
  partitions: 1,
  cleanup: 'compact',
  retentionMs: -1,
  description: 'how far each source has read',
};

const WAIT_MS = 60_000;

export function positionBatch(source: string, position: unknown): TopicBatch {
  return { topic: POSITIONS.name, records: [{ key: source, value: encode(position) }] };
}

/**
 * The last position that `source` committed, undefined for a new source. Call it after opening the source's transactional producer, which
 * has fenced every earlier one. A committed reader cannot tell the end of a topic from a transaction still open, so a marker of our own is written and read up to.
 * @throws HeadwaterError `KAFKA_…`, `SOURCE_POSITION_UNREADABLE`
 */
export async function readPosition(
  kafka: KafkaSettings,
  producer: TransactionalProducer,
  source: string,
): Promise<unknown> {
  const marker = { key: `${source}#marker`, value: randomUUID() };
  await producer.commit([{ topic: POSITIONS.name, records: [marker] }]);

  const reached = Promise.withResolvers<unknown>();
  let position: unknown;
  const look = (record: IncomingRecord) => {
    if (record.key === source) position = decode(record.value);
    if (record.key === marker.key && record.value?.toString() === marker.value) reached.resolve(position);
  };
  const timer = setTimeout(() => {
    const message = `Source ${source} could not read its position from ${POSITIONS.name} within ${WAIT_MS / 1000} s`;
    reached.reject(new HeadwaterError('SOURCE_POSITION_UNREADABLE', message, { retryable: true }));
  }, WAIT_MS);
  // A group of its own for each time: a member that was killed would hold up a fixed one.
  const consumer = await openConsumer(kafka, {
    groupId: `sources.${source}.${marker.value}`,
    topics: [POSITIONS.name],
    onBatch: async ({ records }) => void records.forEach(look),
    onFailed: reached.reject,
  }).catch((error) => {
    clearTimeout(timer);
    throw error;
  });
  try {
    return await reached.promise;
  } finally {
    clearTimeout(timer);
    await consumer.close();
  }
}
