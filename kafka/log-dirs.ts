import type Cluster from 'kafkajs/src/cluster/index.js';
import Decoder from 'kafkajs/src/protocol/decoder.js';

/** Of a disk that holds a broker's logs. */
export interface DiskSpace {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** DescribeLogDirs; its version 4, since Kafka 3.3, tells the space of the disks. */
const REQUEST = { apiKey: 35, apiVersion: 4, apiName: 'DescribeLogDirs' };
/** No tags in the header, no topics (only the directories themselves), no tags in the body. */
const BODY = Buffer.from([0, 1, 0]);

/**
 * Asks the broker that a cluster is connected to for the space of its disks: the one with the least room.
 * @returns undefined where the user lacks the right (to describe the cluster), or no directory can be used
 */
export async function describeLogDirs(cluster: Cluster): Promise<DiskSpace | undefined> {
  const { connectionPool } = cluster.brokerPool.seedBroker;
  const disks = await connectionPool.send({
    request: { ...REQUEST, encode: async () => ({ buf: BODY, buffer: BODY }) },
    response: { decode: async (bytes: Buffer) => readLogDirs(bytes), parse: async (answer: DiskSpace[]) => answer },
  });
  return disks.sort((a, b) => a.freeBytes - b.freeBytes)[0];
}

/** The answer without those directories that have failed, or whose space the broker does not know. */
export function readLogDirs(bytes: Buffer): DiskSpace[] {
  const decoder = new Decoder(bytes);
  decoder.readTaggedFields();
  decoder.readInt32();
  if (decoder.readInt16() !== 0) return [];
  const disks: DiskSpace[] = [];
  for (let left = decoder.readUVarInt() - 1; left > 0; left--) {
    const failed = decoder.readInt16() !== 0;
    decoder.readUVarIntString();
    // Asked for none.
    if (decoder.readUVarInt() > 1) throw new Error('topics that nobody asked for');
    const totalBytes = Number(decoder.readInt64());
    const freeBytes = Number(decoder.readInt64());
    decoder.readTaggedFields();
    if (!failed && totalBytes >= 0 && freeBytes >= 0) disks.push({ freeBytes, totalBytes });
  }
  return disks;
}
