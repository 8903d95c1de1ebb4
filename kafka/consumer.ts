import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import type kafkajs from 'kafkajs';
import { HeadwaterError } from '../contract/index.ts';
import { copartitionedAssigner } from './assigner.ts';
import { asHeadwaterError, createClient } from './client.ts';
import type { OnOutOfRange } from './fetch-response.ts';
import type { FetchedBatch } from './fetched-batch.ts';
import type { Consumer, ConsumerOptions, IncomingRecord, KafkaSettings, Start, TopicPartition } from './types.ts';

/** Records unpacked at a time, unless a single batch has more. */
const PART_RECORDS = 1_000;
const ASK_AGAIN_MS = 1_000;

type Ends = Awaited<ReturnType<kafkajs.Admin['fetchTopicOffsets']>>;

/**
 * Joins a consumer group. The group notices a member that died after 6 s.
 * @throws HeadwaterError `KAFKA_…` with `retryable`
 */
export async function openConsumer(settings: KafkaSettings, options: ConsumerOptions): Promise<Consumer> {
  const client = createClient(settings);
  let mine: number[] = [];
  let memberId: string | undefined;
  /** Of partitions whose position was not there: where that was, and until it is known what was missed. */
  const lost = new Map<string, { readonly offset: number; looking?: Promise<void> }>();
  const onOutOfRange: OnOutOfRange = (at) => {
    const name = nameOf(at);
    // Of several such partitions kafkajs heeds one at a time.
    if (lost.get(name)?.offset === at.offset) return;
    const entry: { readonly offset: number; looking?: Promise<void> } = { offset: at.offset };
    lost.set(name, entry);
    entry.looking = lookWhatIsMissed(at).finally(() => delete entry.looking);
  };
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
    ...(options.onMissed && { rackId: onOutOfRange as unknown as string }),
    allowAutoTopicCreation: false,
    retry: { retries: 5, initialRetryTime: 100, restartOnFailure: async () => false },
  });
  const admin = client.admin();
  const lookups = new Map<string, Promise<Ends>>();
  /** Partitions of which it is not known yet where they begin. */
  let starting: ReadonlySet<string> = new Set();
  let closed = false;

  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    const partitions: TopicPartition[] = [];
    for (const [topic, numbers] of Object.entries(payload.memberAssignment)) {
      for (const partition of numbers) partitions.push({ topic, partition });
    }
    mine = [...new Set(partitions.map((p) => p.partition))];
    const isNewMember = payload.memberId !== memberId;
    memberId = payload.memberId;
    // Where the group did not take the new position, it is told once more.
    for (const [name, { looking }] of lost) if (looking === undefined) lost.delete(name);
    options.onAssigned?.(partitions, isNewMember);
    if (options.startAt) begin(partitions, options.startAt);
  });
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
    const { topic, partition, batchSize, lastOffset } = payload;
    if (batchSize > 0) return;
    const skipped = () => options.onSkipped?.({ topic, partition, next: Number(lastOffset) + 1 });
    const looking = lost.get(nameOf(payload))?.looking;
    if (looking === undefined) skipped();
    else looking.then(skipped);
  });
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (!closed) options.onFailed(asHeadwaterError(payload.error, `consumer group ${options.groupId} stopped`));
  });

  /** Paused, as a batch that waited for its start would hold up the heartbeats, and the group would give this member up. */
  function begin(partitions: readonly TopicPartition[], startAt: NonNullable<ConsumerOptions['startAt']>): void {
    consumer.pause(byTopic(partitions));
    const these = new Set(partitions.map(nameOf));
    starting = these;
    for (const at of partitions) {
      const start = async () => {
        const offset = await offsetOf(at, await startAt(at));
        // After another join it is asked for anew.
        if (starting !== these || closed) return;
        consumer.seek({ ...at, offset });
        these.delete(nameOf(at));
        consumer.resume(byTopic([at]));
      };
      start().catch((error) => {
        if (starting === these && !closed) options.onFailed(error);
      });
    }
  }

  async function offsetOf({ topic, partition }: TopicPartition, start: Start): Promise<string> {
    if (typeof start === 'number') return String(start);
    const end = (await endsOf(topic)).find((e) => e.partition === partition);
    if (!end) throw new HeadwaterError('KAFKA_PARTITION_UNKNOWN', `topic ${topic} has no partition ${partition}`);
    return start === 'earliest' ? end.low : end.high;
  }

  /** Looked up once for all partitions of a topic that want to know at the same time. */
  function endsOf(topic: string): Promise<Ends> {
    const asked =
      lookups.get(topic) ??
      admin
        .fetchTopicOffsets(topic)
        .catch((error) => {
          throw asHeadwaterError(error, `cannot read the offsets of ${topic}`);
        })
        .finally(() => lookups.delete(topic));
    lookups.set(topic, asked);
    return asked;
  }

  async function lookWhatIsMissed({ topic, partition, offset: from }: TopicPartition & { offset: number }) {
    while (!closed) {
      try {
        const low = (await admin.fetchTopicOffsets(topic)).find((end) => end.partition === partition)?.low;
        // A position beyond the end is of another topic that had this name.
        if (low !== undefined && Number(low) > from) options.onMissed?.({ topic, partition, from, to: Number(low) });
        return;
      } catch {
        // Nothing of the partition is handed on until this is known.
        await sleep(ASK_AGAIN_MS);
      }
    }
  }

  try {
    await Promise.all([consumer.connect(), admin.connect()]);
    await untilGroupLoaded(admin, options.groupId);
    await consumer.subscribe({ topics: [...options.topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 64,
      eachBatch: async ({ batch, resolveOffset, isRunning, isStale }) => {
        const { topic, partition } = batch;
        await lost.get(nameOf(batch))?.looking;
        for (const part of partsOf(batch)) {
          if (!isRunning() || isStale() || starting.has(nameOf(batch))) return;
          const { from, next } = part;
          const records = readPart(part, partition);
          if (records.length === 0) options.onSkipped?.({ topic, partition, next });
          else {
            const highWatermark = Number(batch.highWatermark);
            if ((await options.onBatch({ topic, partition, records, from, next, highWatermark })) === 'again') return;
          }
          if (isStale()) return;
          resolveOffset(part.last.offset);
          // Whatever else waits gets its turn: heartbeats, commits.
          await setImmediate();
        }
      },
    });
  } catch (error) {
    await Promise.allSettled([consumer.disconnect(), admin.disconnect()]);
    throw asHeadwaterError(error, `consumer group ${options.groupId} could not start`);
  }

  return {
    async seek({ topic, partition, offset }) {
      // A number must take effect before this returns.
      const at = typeof offset === 'number' ? String(offset) : await offsetOf({ topic, partition }, offset);
      consumer.seek({ topic, partition, offset: at });
    },
    pause: (partitions) => consumer.pause(byTopic(partitions)),
    resume: (partitions) => consumer.resume(byTopic(partitions.filter((at) => !starting.has(nameOf(at))))),
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

const nameOf = ({ topic, partition }: TopicPartition) => `${topic}/${partition}`;

function byTopic(partitions: readonly TopicPartition[]): { topic: string; partitions: number[] }[] {
  return partitions.map(({ topic, partition }) => ({ topic, partitions: [partition] }));
}

/** Record batches that are handed on together. */
interface Part {
  readonly batches: readonly FetchedBatch[];
  readonly from: number;
  readonly next: number;
  readonly last: FetchedBatch;
}

/** Cuts what was fetched of a partition into parts of at least PART_RECORDS records, so that no more of it is unpacked at a time. */
function* partsOf(batch: kafkajs.Batch): Iterable<Part> {
  // What kafkajs takes for messages; see fetch-response.ts.
  const fetched = batch.messages as unknown as FetchedBatch[];
  let batches: FetchedBatch[] = [];
  let count = 0;
  let from = firstOf(batch);
  for (const [i, last] of fetched.entries()) {
    batches.push(last);
    count += last.count;
    const isEnd = i === fetched.length - 1;
    if (count < PART_RECORDS && !isEnd) continue;
    const next = Number(isEnd ? batch.lastOffset() : last.offset) + 1;
    yield { batches, from, next, last };
    batches = [];
    count = 0;
    from = next;
  }
}

/** The offset a batch was fetched at, which kafkajs leaves out of its types. */
function firstOf(batch: kafkajs.Batch): number {
  return Number((batch as unknown as { fetchedOffset: string }).fetchedOffset);
}

function readPart({ batches, from }: Part, partition: number): IncomingRecord[] {
  const records: IncomingRecord[] = [];
  for (const batch of batches) batch.readInto(records, partition, from);
  return records;
}
