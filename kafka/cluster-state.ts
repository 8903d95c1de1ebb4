import type Cluster from 'kafkajs/src/cluster/index.js';
import metadataRequest from 'kafkajs/src/protocol/requests/metadata/v6/request.js';
import metadataResponse from 'kafkajs/src/protocol/requests/metadata/v6/response.js';
import { asHeadwaterError, createClient } from './client.ts';
import { type DiskSpace, describeLogDirs } from './log-dirs.ts';
import type { KafkaSettings, OnBrokerCertificate } from './types.ts';

const CREATE_CLUSTER = 'private:Kafka:createCluster';

/** One broker, as far as a client can see it. Replicas count only of topics that its user may see. */
export interface BrokerState {
  readonly id: number;
  /** `host:port`; undefined for one that is not in the cluster at present. */
  readonly address: string | undefined;
  /** Replicas that it should hold. */
  readonly replicas: number;
  /** Of these, those that are not in sync with their leader. */
  readonly outOfSync: number;
  /** Of their partitions, those that nobody leads. */
  readonly offline: number;
  /** Of the disk with the least room that holds its logs; undefined where that cannot be asked. */
  readonly disk: DiskSpace | undefined;
}

export interface ClusterState {
  /** Every broker that is there, or should hold a replica. */
  readonly brokers: readonly BrokerState[];
  readonly partitions: number;
  /** With fewer replicas in sync than they should have. */
  readonly underReplicated: number;
  /** Without a leader: nobody can read or write them. */
  readonly offline: number;
}

/**
 * Asks a cluster how it is, over new connections to each broker: so each shows the certificate it has now. kafkajs cannot ask for either: it takes a
 * partition without leader for a failure, and does not know of log directories.
 * @throws HeadwaterError `KAFKA_…` when no broker answers; one that does not is told without its disk
 */
export async function readClusterState(
  settings: KafkaSettings,
  onBrokerCertificate?: OnBrokerCertificate,
): Promise<ClusterState> {
  const { brokers, topicMetadata } = await asked(settings, settings.brokers, onBrokerCertificate, (cluster) =>
    cluster.brokerPool.seedBroker.connectionPool.send({
      request: metadataRequest({ topics: [], allowAutoTopicCreation: false }),
      response: { decode: metadataResponse.decode, parse: async (answer) => answer },
    }),
  );
  const addresses = new Map(brokers.map(({ nodeId, host, port }) => [nodeId, `${host}:${port}`]));
  const partitions = topicMetadata.flatMap((topic) => topic.partitionMetadata);
  const ids = new Set([...addresses.keys(), ...partitions.flatMap(({ replicas }) => replicas)]);
  const states = [...ids]
    .sort((a, b) => a - b)
    .map(async (id): Promise<BrokerState> => {
      const address = addresses.get(id);
      const mine = partitions.filter(({ replicas }) => replicas.includes(id));
      // A broker that does not answer says nothing of its disk; that it is gone shows in what is out of sync.
      const disk = address && asked(settings, [address], onBrokerCertificate, describeLogDirs).catch(() => undefined);
      return {
        id,
        address,
        replicas: mine.length,
        offline: mine.filter(({ leader }) => leader < 0).length,
        outOfSync: mine.filter(({ isr }) => !isr.includes(id)).length,
        disk: (await disk) || undefined,
      };
    });
  return {
    brokers: await Promise.all(states),
    partitions: partitions.length,
    underReplicated: partitions.filter(({ replicas, isr }) => isr.length < replicas.length).length,
    offline: partitions.filter(({ leader }) => leader < 0).length,
  };
}

async function asked<T>(
  settings: KafkaSettings,
  brokers: readonly string[],
  onBrokerCertificate: OnBrokerCertificate | undefined,
  ask: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const client = createClient(
    { ...settings, brokers },
    { retry: { retries: brokers.length, initialRetryTime: 100 }, onBrokerCertificate },
  ) as unknown as Record<symbol, (options: object) => Cluster>;
  // The one way to a connection of kafkajs without what its clients do besides.
  const make = Object.getOwnPropertySymbols(client).find(({ description }) => description === CREATE_CLUSTER)!;
  const cluster = client[make]!({ metadataMaxAge: 300_000, allowAutoTopicCreation: false });
  try {
    await cluster.connect();
    return await ask(cluster);
  } catch (error) {
    throw asHeadwaterError(error, `cannot ask ${brokers.join(', ')} how the cluster is`);
  } finally {
    await cluster.disconnect().catch(() => {});
  }
}
