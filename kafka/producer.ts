import kafkajs from 'kafkajs';
import { asHeadwaterError, createClient, notLetIn, REQUEST_TIMEOUT_MS } from './client.ts';
import { encodeBatchesOurselves } from './produce-request.ts';
import { safeSends } from './safe-sends.ts';
import type {
  Compression,
  KafkaSettings,
  OutgoingRecord,
  Producer,
  ProducerOptions,
  TopicBatch,
  TransactionalProducer,
} from './types.ts';

encodeBatchesOurselves();

/**
 * kafkajs makes one record batch for each partition of one send, whatever its size, and the broker refuses one above its
 * `message.max.bytes` (1 MiB): a send is split so that even a single partition's share stays below it.
 */
const MAX_SEND_BYTES = 900_000;

const CODECS: Readonly<Record<Compression, kafkajs.CompressionTypes>> = {
  none: kafkajs.CompressionTypes.None,
  gzip: kafkajs.CompressionTypes.GZIP,
  zstd: kafkajs.CompressionTypes.ZSTD,
};

/** Upper bound of what a record takes in a batch, keys and headers included. */
export function encodedSize(record: OutgoingRecord): number {
  let size = 27 + (record.key?.length ?? 0) * 3;
  if (record.value !== null)
    size += typeof record.value === 'string' ? Buffer.byteLength(record.value) : record.value.length;
  if (record.headers) for (const name in record.headers) size += (name.length + record.headers[name]!.length) * 3 + 10;
  return size;
}

/** Splits batches, in order, into sends of at most `maxBytes`; a record larger than that goes alone. */
export function splitBySize(batches: readonly TopicBatch[], maxBytes = MAX_SEND_BYTES): TopicBatch[][] {
  const sends: TopicBatch[][] = [];
  let send: { topic: string; records: OutgoingRecord[] }[] = [];
  let bytes = 0;
  for (const { topic, records } of batches) {
    let part: { topic: string; records: OutgoingRecord[] } | undefined;
    for (const record of records) {
      const size = encodedSize(record);
      if (bytes > 0 && bytes + size > maxBytes) {
        sends.push(send);
        send = [];
        bytes = 0;
        part = undefined;
      }
      if (part === undefined) {
        part = { topic, records: [] };
        send.push(part);
      }
      part.records.push(record);
      bytes += size;
    }
  }
  if (send.length > 0) sends.push(send);
  return sends;
}

/**
 * Opens an idempotent producer with acks=all. Sends of one producer must not overlap where order matters.
 * @throws HeadwaterError `KAFKA_…` with `retryable`
 */
export async function openProducer(settings: KafkaSettings, options: ProducerOptions = {}): Promise<Producer> {
  const sends = safeSends(REQUEST_TIMEOUT_MS);
  const compression = CODECS[options.compression ?? 'zstd'];
  const producer = createClient(settings, { onBrokerCertificate: options.onBrokerCertificate }).producer({
    idempotent: true,
    createPartitioner: sends.createPartitioner,
    allowAutoTopicCreation: false,
  });
  await connect(producer, settings);
  return {
    async send(batches) {
      try {
        for (const part of splitBySize(batches)) {
          await sends.send(part, (topicMessages) => producer.sendBatch({ acks: -1, compression, topicMessages }));
        }
      } catch (error) {
        throw asHeadwaterError(error, `Kafka did not take records for ${batches.map((b) => b.topic).join(', ')}`);
      }
    },
    close: () => producer.disconnect(),
  };
}

/**
 * Opens a transactional producer. kafkajs initialises (and so fences) only at its first transaction, so one is begun and aborted here.
 * @throws HeadwaterError `KAFKA_…` with `retryable`
 */
export async function openTransactionalProducer(
  settings: KafkaSettings,
  options: { readonly transactionalId: string; readonly timeoutMs?: number },
): Promise<TransactionalProducer> {
  const { transactionalId, timeoutMs = 10_000 } = options;
  const sends = safeSends(REQUEST_TIMEOUT_MS);
  // The broker answers CONCURRENT_TRANSACTIONS for some milliseconds after each commit: the first retry must come soon.
  const producer = createClient(settings, { retry: { retries: 12, initialRetryTime: 15 } }).producer({
    transactionalId,
    transactionTimeout: timeoutMs,
    maxInFlightRequests: 1,
    createPartitioner: sends.createPartitioner,
    allowAutoTopicCreation: false,
  });
  await connect(producer, settings);
  try {
    await (await producer.transaction()).abort();
  } catch (error) {
    await producer.disconnect().catch(() => {});
    throw asHeadwaterError(error, `Kafka did not open the transactional producer ${transactionalId}`);
  }
  return {
    async commit(batches) {
      try {
        const transaction = await producer.transaction();
        try {
          for (const part of splitBySize(batches)) {
            await sends.send(part, (topicMessages) => transaction.sendBatch({ acks: -1, topicMessages }));
          }
          await transaction.commit();
        } catch (error) {
          // An open transaction holds up every reader until it times out: end it where the broker still listens to us.
          if (transaction.isActive()) await transaction.abort().catch(() => {});
          throw error;
        }
      } catch (error) {
        throw asHeadwaterError(error, `Kafka did not commit a transaction of ${transactionalId}`);
      }
    },
    close: () => producer.disconnect(),
  };
}

async function connect(producer: kafkajs.Producer, settings: KafkaSettings): Promise<void> {
  try {
    await producer.connect();
  } catch (error) {
    await producer.disconnect().catch(() => {});
    throw asHeadwaterError(error, notLetIn(settings));
  }
}
