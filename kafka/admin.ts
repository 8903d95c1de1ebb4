import type kafkajs from 'kafkajs';
import { asHeadwaterError, createClient, notLetIn } from './client.ts';
import type { KafkaSettings, TopicPartition } from './types.ts';

export interface TopicDescription {
  readonly name: string;
  readonly partitions: number;
  readonly replication: number;
}

export interface Admin {
  /** The topics that exist, internal ones of the broker left out. */
  topics(): Promise<TopicDescription[]>;
  /** As many replicas as there are brokers, at most three. */
  suggestedReplication(): Promise<number>;
  /** First and next offset of each partition of a topic. */
  offsets(topic: string): Promise<{ partition: number; low: number; high: number }[]>;
  /** Records each group has yet to read, by `group/topic`. Partitions a group never committed are left out. */
  lag(groups: readonly string[]): Promise<Record<string, number>>;
  /** How far a group has read a topic, by partition; those it never committed are left out. */
  committed(group: string, topic: string): Promise<Map<number, number>>;
  /** How many consumers a group has. */
  members(group: string): Promise<number>;
  /** Drops what lies before `offset`. */
  deleteRecords(at: TopicPartition & { readonly offset: number }): Promise<void>;
  /** kafkajs's own administration client, for kafka/ alone. */
  readonly raw: kafkajs.Admin;
  close(): Promise<void>;
}

/** @throws HeadwaterError `KAFKA_…` with `retryable` */
export async function openAdmin(settings: KafkaSettings): Promise<Admin> {
  const raw = createClient(settings).admin();
  const doing = async <T>(what: string, work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw asHeadwaterError(error, what);
    }
  };
  await doing(notLetIn(settings), raw.connect());

  const offsets = async (topic: string) =>
    (await doing(`cannot read the offsets of ${topic}`, raw.fetchTopicOffsets(topic)))
      .map((o) => ({ partition: o.partition, low: Number(o.low), high: Number(o.high) }))
      .sort((a, b) => a.partition - b.partition);

  return {
    raw,
    offsets,
    async topics() {
      const { topics } = await doing('cannot list topics', raw.fetchTopicMetadata());
      return topics
        .filter((t) => !t.name.startsWith('__'))
        .map((t) => ({
          name: t.name,
          partitions: t.partitions.length,
          replication: t.partitions[0]?.replicas.length ?? 0,
        }));
    },
    async suggestedReplication() {
      const { brokers } = await doing('cannot list the brokers', raw.describeCluster());
      return Math.min(3, brokers.length);
    },
    async lag(groups) {
      const lag: Record<string, number> = {};
      const ends = new Map<string, Promise<Map<number, number>>>();
      const endOf = (topic: string) => {
        let end = ends.get(topic);
        if (!end) {
          end = offsets(topic).then((all) => new Map(all.map((o) => [o.partition, o.high])));
          ends.set(topic, end);
        }
        return end;
      };
      for (const groupId of groups) {
        const committed = await doing(`cannot read the position of ${groupId}`, raw.fetchOffsets({ groupId }));
        for (const { topic, partitions } of committed) {
          const end = await endOf(topic);
          let behind = 0;
          for (const p of partitions) {
            if (Number(p.offset) >= 0) behind += Math.max(0, (end.get(p.partition) ?? 0) - Number(p.offset));
          }
          lag[`${groupId}/${topic}`] = behind;
        }
      }
      return lag;
    },
    async committed(groupId, topic) {
      const doingWhat = `cannot read the position of ${groupId}`;
      const [found] = await doing(doingWhat, raw.fetchOffsets({ groupId, topics: [topic] }));
      const known = found?.partitions.filter((p) => Number(p.offset) >= 0) ?? [];
      return new Map(known.map((p) => [p.partition, Number(p.offset)]));
    },
    async members(group) {
      const { groups } = await doing(`cannot read who is in ${group}`, raw.describeGroups([group]));
      return groups[0]?.members.length ?? 0;
    },
    async deleteRecords({ topic, partition, offset }) {
      await doing(
        `cannot delete records of ${topic}/${partition}`,
        raw.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] }),
      );
    },
    close: () => raw.disconnect(),
  };
}
