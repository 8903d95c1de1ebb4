import Fetch, { type FetchOptions, type FetchProtocol } from 'kafkajs/src/protocol/requests/fetch/index.js';
import { HeadwaterError } from '../contract/index.ts';
import { batchesOf } from './fetched-batch.ts';
import { hideAborted } from './read-committed.ts';
import type { TopicPartition } from './types.ts';

// kafkajs 2.2.4 makes every record of a fetch at once, with half a dozen objects for each: a fetch of a megabyte that was compressed well takes hundreds.
// Here a record batch stays as it came until its turn, and passes through kafkajs as one message.

/** Of Kafka 2.3 and later. */
const VERSION = 11;

/** Makes kafkajs read fetched records by `FetchedBatch`, and hides those of aborted transactions; once for the process, as there is one kafkajs. */
export function readFetchesByBatch(): void {
  const { protocol } = Fetch;
  Fetch.versions = [String(VERSION)];
  Fetch.protocol = ({ version }) => {
    if (version !== VERSION) {
      throw new HeadwaterError('KAFKA_TOO_OLD', 'the broker is older than Kafka 2.3: run a newer one');
    }
    const original = protocol({ version });
    return (options) => {
      const { rackId: onOutOfRange, ...asked } = options;
      const { request, response, requestTimeout } = original({ ...asked, rackId: '' });
      const read = async (bytes: Buffer) => {
        const decoded = decode(bytes);
        if (typeof onOutOfRange === 'function') tellOutOfRange(decoded, asked.topics, onOutOfRange);
        return decoded;
      };
      return { request, requestTimeout, response: { parse: response.parse, decode: read } };
    };
  };
}

/**
 * Called where a fetch began at a position that the broker does not have. kafkajs goes on at the earliest record by itself, and tells nobody where it was.
 * A consumer is given it as the name of its rack, which no broker gets to see: kafkajs hands that on to each of its fetches.
 */
export type OnOutOfRange = (at: TopicPartition & { readonly offset: number }) => void;

const OFFSET_OUT_OF_RANGE = 1;

function tellOutOfRange({ responses }: Decoded, asked: FetchOptions['topics'], tell: OnOutOfRange): void {
  for (const { topicName: topic, partitions } of responses) {
    for (const { partition, errorCode } of partitions) {
      if (errorCode !== OFFSET_OUT_OF_RANGE) continue;
      const from = asked.find((one) => one.topic === topic)?.partitions.find((one) => one.partition === partition);
      if (from !== undefined) tell({ topic, partition, offset: Number(from.fetchOffset) });
    }
  }
}

type Decoded = Awaited<ReturnType<FetchProtocol['response']['decode']>>;

function decode(bytes: Buffer): Decoded {
  const reader = new Reader(bytes);
  const clientSideThrottleTime = reader.int32();
  const errorCode = reader.int16();
  const sessionId = reader.int32();
  const responses = reader.array(() => ({
    topicName: reader.bytes(reader.int16()).toString(),
    partitions: reader.array(() => decodePartition(reader)),
  }));
  // The throttling has not happened yet: kafkajs waits, and is told so by the first being 0.
  return { throttleTime: 0, clientSideThrottleTime, errorCode, sessionId, responses };
}

function decodePartition(reader: Reader) {
  const partition = {
    partition: reader.int32(),
    errorCode: reader.int16(),
    highWatermark: String(reader.int64()),
    lastStableOffset: String(reader.int64()),
    lastStartOffset: String(reader.int64()),
    abortedTransactions: reader.array(() => ({
      producerId: String(reader.int64()),
      firstOffset: String(reader.int64()),
    })),
    preferredReadReplica: reader.int32(),
    messages: batchesOf(reader.bytes(reader.int32())),
  };
  hideAborted(partition);
  return partition;
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  int16(): number {
    this.#at += 2;
    return this.#bytes.readInt16BE(this.#at - 2);
  }

  int32(): number {
    this.#at += 4;
    return this.#bytes.readInt32BE(this.#at - 4);
  }

  int64(): bigint {
    this.#at += 8;
    return this.#bytes.readBigInt64BE(this.#at - 8);
  }

  /** Nothing where the length is -1, as it is of what is absent. */
  bytes(length: number): Buffer {
    const from = this.#at;
    this.#at += Math.max(0, length);
    return this.#bytes.subarray(from, this.#at);
  }

  array<T>(read: () => T): T[] {
    return Array.from({ length: Math.max(0, this.int32()) }, read);
  }
}
