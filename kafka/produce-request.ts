import kafkajs from 'kafkajs';
import produce from 'kafkajs/src/protocol/requests/produce/index.js';
import { type Compress, encodeBatch } from './record-batch.ts';
import type { OutgoingRecord } from './types.ts';

// kafkajs 2.2.4 encodes a batch by making a zeroed buffer of 1 KiB for each record and each of its headers, and a small one for each number in it: most
// of the time and memory of a send.

/** What kafkajs asks to be sent to one broker. */
export interface ProduceRequest {
  readonly transactionalId?: string | null;
  readonly acks: number;
  /** How long the broker may wait for replicas, ms. */
  readonly timeout: number;
  readonly compression: kafkajs.CompressionTypes;
  readonly producerId: string | number;
  readonly producerEpoch: number;
  readonly topicData: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly firstSequence: number;
      /** Those that kafkajs was given, as it was given them. */
      readonly messages: readonly OutgoingRecord[];
    }[];
  }[];
}

/** Where kafkajs expects its own encoder. */
export interface Encoded {
  readonly buf: Buffer;
  readonly buffer: Buffer;
}

/** Record batches of magic 2 came with this version of the request; its form is the same up to 7, the last that kafkajs knows. */
const FIRST_VERSION = 3;

/** Makes kafkajs encode what it produces with `record-batch.ts`; once for the process, as there is one kafkajs. */
export function encodeBatchesOurselves(): void {
  const { protocol } = produce;
  produce.protocol = (wanted) => {
    const make = protocol(wanted);
    if (wanted.version < FIRST_VERSION) return make;
    return (asked) => {
      const { request, response } = make(asked);
      return { request: { ...request, encode: () => encodeProduce(asked) }, response };
    };
  };
}

/** The body of the request. */
export async function encodeProduce(asked: ProduceRequest): Promise<Encoded> {
  const { transactionalId = null, producerId, producerEpoch } = asked;
  const head = {
    compression: asked.compression,
    transactional: transactionalId !== null,
    producerId: BigInt(producerId),
    producerEpoch,
    timestamp: Date.now(),
  };
  const compress = codec(asked.compression);
  const parts = [text(transactionalId), int16(asked.acks), int32(asked.timeout), int32(asked.topicData.length)];
  for (const { topic, partitions } of asked.topicData) {
    parts.push(text(topic), int32(partitions.length));
    for (const { partition, firstSequence, messages } of partitions) {
      const batch = await encodeBatch(messages, { ...head, firstSequence }, compress);
      parts.push(int32(partition), int32(batch.length), batch);
    }
  }
  const buffer = Buffer.concat(parts);
  return { buf: buffer, buffer };
}

function codec(compression: kafkajs.CompressionTypes): Compress | undefined {
  if (compression === kafkajs.CompressionTypes.None) return undefined;
  const { compress } = kafkajs.CompressionCodecs[compression]!();
  return (buffer) => compress({ buffer });
}

function text(value: string | null): Buffer {
  if (value === null) return int16(-1);
  const bytes = Buffer.from(value);
  return Buffer.concat([int16(bytes.length), bytes]);
}

function int16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value);
  return bytes;
}
