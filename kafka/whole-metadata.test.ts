import { setImmediate } from 'node:timers/promises';
import Cluster from 'kafkajs/src/cluster/index.js';
import { expect, test } from 'vitest';
import './index.ts';

const logger = { namespace: () => logger, debug() {}, info() {}, warn() {}, error() {} };

/** A client whose questions wait for their answers. */
function openCluster() {
  const cluster = new Cluster({ logger, brokers: ['localhost:9092'], metadataMaxAge: 300_000, requestTimeout: 15_000 });
  const asked: (() => void)[] = [];
  const brokerPool = {
    metadata: undefined as { topicMetadata: { topic: string; partitionMetadata: object[] }[] } | undefined,
    async refreshMetadata(topics: readonly string[]) {
      await new Promise<void>((resolve) => asked.push(resolve));
      const topicMetadata = topics.map((topic) => ({ topic, partitionMetadata: [{ partitionId: 0 }] }));
      this.metadata = { topicMetadata };
    },
    async refreshMetadataIfNecessary(topics: readonly string[]) {
      const known = this.metadata?.topicMetadata.map(({ topic }) => topic) ?? [];
      if (!topics.every((topic) => known.includes(topic))) await this.refreshMetadata(topics);
    },
  };
  Object.assign(cluster, { brokerPool });
  /** Answers one question, the newest or the oldest. */
  const answer = async (which: 'pop' | 'shift') => {
    asked[which]()?.();
    await setImmediate();
  };
  return { cluster, answer };
}

test('a topic that is added while others are asked for has partitions, whichever answer comes last', async () => {
  const { cluster, answer } = openCluster();
  // As kafkajs's admin client does before it asks for a topic's offsets, or for a group's position in it.
  const partitionsOf = async (topic: string) => {
    await cluster.addTargetTopic(topic);
    await cluster.refreshMetadataIfNecessary();
    return cluster.findTopicPartitionMetadata(topic);
  };
  const a = partitionsOf('a');
  await setImmediate();
  await answer('shift');
  // As after a connection that broke.
  const older = cluster.refreshMetadata();
  const b = partitionsOf('b');
  await setImmediate();
  await answer('shift');
  const c = partitionsOf('c');
  await setImmediate();
  for (let round = 0; round < 10; round++) await answer('pop');
  await older;
  expect(await Promise.all([a, b, c])).toEqual(Array(3).fill([{ partitionId: 0 }]));
});
