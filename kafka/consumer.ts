import type kafkajs from 'kafkajs';
import { HeadwaterError } from '../contract/index.ts';
import { copartitionedAssigner } from './assigner.ts';
import { asHeadwaterError, createClient } from './client.ts';
import type {
  Consumer,
  ConsumerOptions,
  IncomingBatch,
  IncomingRecord,
  KafkaSettings,
  TopicPartition,
} from './types.ts';

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});

/**
 * Joins a consumer group. The group notices a member that died after 6 s.
 * @throws HeadwaterError `KAFKA_…` with `retryable`
 */
export async function openConsumer(settings: KafkaSettings, options: ConsumerOptions): Promise<Consumer> {
  const client = createClient(settings);
  let mine: number[] = [];
  const consumer = client.consumer({
    groupId: options.groupId,
    partitionAssigners: [copartitionedAssigner(() => mine)],
    sessionTimeout: 6_000,
    rebalanceTimeout: 10_000,
    heartbeatInterval: 1_000,
    maxWaitTimeInMs: options.maxWaitMs ?? 100,
    minBytes: options.minBytes ?? 1,
    maxBytesPerPartition: options.maxBytesPerPartition ?? 1_048_576,
    maxBytes: 16 * 1_048_576,
    readUncommitted: false,
    allowAutoTopicCreation: false,
    retry: { retries: 5, initialRetryTime: 100, restartOnFailure: async () => false },
  });
  const admin = client.admin();
  let closed = false;

  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    const partitions: TopicPartition[] = [];
    for (const [topic, numbers] of Object.entries(payload.memberAssignment)) {
      for (const partition of numbers) partitions.push({ topic, partition });
    }
    mine = [...new Set(partitions.map((p) => p.partition))];
    options.onAssigned?.(partitions);
  });
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
    const { topic, partition, batchSize, lastOffset } = payload;
    if (batchSize === 0) options.onSkipped?.({ topic, partition, next: Number(lastOffset) + 1 });
  });
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (!closed) options.onFailed(asHeadwaterError(payload.error, `consumer group ${options.groupId} stopped`));
  });

  try {
    await Promise.all([consumer.connect(), admin.connect()]);
    await untilGroupLoaded(admin, options.groupId);
    await consumer.subscribe({ topics: [...options.topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 64,
      eachBatch: async ({ batch, resolveOffset, isRunning, isStale }) => {
        if (!isRunning() || isStale()) return;
        const again = await options.onBatch(incoming(batch));
        if (again === undefined && !isStale()) resolveOffset(batch.messages[batch.messages.length - 1]!.offset);
      },
    });
  } catch (error) {
    await Promise.allSettled([consumer.disconnect(), admin.disconnect()]);
    throw asHeadwaterError(error, `consumer group ${options.groupId} could not start`);
  }

  return {
    async seek({ topic, partition, offset }) {
      if (typeof offset === 'number') {
        consumer.seek({ topic, partition, offset: String(offset) });
        return;
      }
      const ends = await admin.fetchTopicOffsets(topic).catch((error) => {
        throw asHeadwaterError(error, `cannot find the ${offset} offset of ${topic}/${partition}`);
      });
      const end = ends.find((e) => e.partition === partition);
      if (!end) throw new HeadwaterError('KAFKA_PARTITION_UNKNOWN', `topic ${topic} has no partition ${partition}`);
      consumer.seek({ topic, partition, offset: offset === 'earliest' ? end.low : end.high });
    },
    pause: (partitions) => consumer.pause(byTopic(partitions)),
    resume: (partitions) => consumer.resume(byTopic(partitions)),
    async commit(positions) {
      try {
        await consumer.commitOffsets(positions.map((p) => ({ ...p, offset: String(p.offset) })));
      } catch (error) {
        throw asHeadwaterError(error, `consumer group ${options.groupId} could not commit its position`);
      }
    },
    async close() {
      closed = true;
      await Promise.allSettled([consumer.disconnect(), admin.disconnect()]);
    },
  };
}

const LOADING = ['GROUP_LOAD_IN_PROGRESS', 'GROUP_COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR_FOR_GROUP'];

/**
 * A broker that has just started is still loading what it knows of groups. kafkajs takes that answer to its first join for the end of the
 * consumer, so it is asked for the group's position until it answers otherwise; whatever else is wrong, the join will tell.
 */
async function untilGroupLoaded(admin: kafkajs.Admin, groupId: string): Promise<void> {
  for (let tries = 0; tries < 150; tries++) {
    const type = await admin.fetchOffsets({ groupId }).then(
      () => undefined,
      (error) => (error as { type?: string }).type,
    );
    if (type === undefined || !LOADING.includes(type)) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function byTopic(partitions: readonly TopicPartition[]): { topic: string; partitions: number[] }[] {
  return partitions.map(({ topic, partition }) => ({ topic, partitions: [partition] }));
}

function incoming(batch: kafkajs.Batch): IncomingBatch {
  const { topic, partition } = batch;
  const records: IncomingRecord[] = new Array(batch.messages.length);
  for (let i = 0; i < records.length; i++) {
    const message = batch.messages[i]!;
    records[i] = {
      key: message.key === null ? null : message.key.toString(),
      value: message.value,
      headers: headers(message.headers),
      partition,
      offset: Number(message.offset),
      appendedAt: Number(message.timestamp),
    };
  }
  return {
    topic,
    partition,
    records,
    // kafkajs leaves out of its types that a batch knows the offset it was fetched at.
    from: Number((batch as unknown as { fetchedOffset: string }).fetchedOffset),
    next: Number(batch.lastOffset()) + 1,
    highWatermark: Number(batch.highWatermark),
  };
}

function headers(encoded: kafkajs.IHeaders | undefined): Readonly<Record<string, string>> {
  let decoded: Record<string, string> | undefined;
  for (const name in encoded) {
    decoded ??= {};
    decoded[name] = String(encoded[name]);
  }
  return decoded ?? NO_HEADERS;
}
