import { HeadwaterError } from '../../contract/index.ts';

/**
 * Kafka's answers that are about what is in a batch: sent again as it is, it would be refused again. Everything else (no right, no such topic, too
 * few replicas, a time or a compression that the topic does not take, …) is about the way there, and mending that makes the same batch welcome.
 */
const ABOUT_CONTENT = new Set([
  'KAFKA_MESSAGE_TOO_LARGE',
  'KAFKA_RECORD_LIST_TOO_LARGE',
  'KAFKA_INVALID_RECORD',
  'KAFKA_CORRUPT_MESSAGE',
]);

/** The code of an answer that refuses a batch for what is in it; undefined for any other error. */
export function refusalOf(error: unknown): string | undefined {
  return error instanceof HeadwaterError && ABOUT_CONTENT.has(error.code)
    ? error.code.slice('KAFKA_'.length)
    : undefined;
}
