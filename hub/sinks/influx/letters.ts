import { CONTRACT_VERSION, type DeadLetter, encode, HEADER, TOPICS } from '../../../contract/index.ts';
import { type KafkaSettings, type OutgoingRecord, openProducer, type Producer } from '../../../kafka/index.ts';
import type { Letter } from './mapper.ts';
import type { Missed } from './queue.ts';

/** Writes to `dead-letters` what is not stored, and why. After a crash it may be told twice. */
export interface Letters {
  /** Resolves when Kafka has them. @throws HeadwaterError `KAFKA_…` */
  send(letters: readonly Letter[]): Promise<void>;
  /** How many, by code. */
  sent(): Record<string, number>;
  close(): Promise<void>;
}

const KEPT_BYTES = 4096;
/** Together they stay below what Kafka takes at a time. */
const AT_A_TIME = 100;
const HEADERS = { [HEADER.version]: CONTRACT_VERSION };

export function openLetters(kafka: KafkaSettings, clock: () => number): Letters {
  const sent: Record<string, number> = {};
  let producer: Producer | undefined;

  const record = ({ code, reason, from, record }: Letter): OutgoingRecord => {
    const place = `${from.topic}/${from.partition}`;
    const bytes = (record.value ?? Buffer.alloc(0)).subarray(0, KEPT_BYTES).toString('base64');
    const letter: DeadLetter = { origin: `${place}@${record.offset}`, code, reason, bytes, ts: clock() };
    return { key: place, value: encode(letter), headers: HEADERS };
  };

  return {
    async send(letters) {
      for (let from = 0; from < letters.length; from += AT_A_TIME) {
        const some = letters.slice(from, from + AT_A_TIME);
        producer ??= await openProducer(kafka);
        try {
          await producer.send([{ topic: TOPICS.deadLetters.name, records: some.map(record) }]);
        } catch (error) {
          const failed = producer;
          producer = undefined;
          await failed.close().catch(() => {});
          throw error;
        }
        for (const { code } of some) sent[code] = (sent[code] ?? 0) + 1;
      }
    },
    sent: () => ({ ...sent }),
    async close() {
      await producer?.close();
    },
  };
}

/** Tells of records that nobody can read any more; its origin is the first of them. */
export function letterOfMissed({ topic, partition, from, to }: Missed): Letter {
  const reason = `Kafka had deleted ${to - from} offsets (${from} to ${to - 1}) before they were in InfluxDB: it, or the hub, was away for longer than the topic is kept`;
  const record = { key: null, value: null, headers: {}, partition, offset: from, appendedAt: 0 };
  return { code: 'RECORDS_MISSED', reason, from: { topic, partition }, record };
}
