import { RIGHTS, type Topic, type User } from '../../contract/index.ts';
import { type KafkaCluster, startTestKafka } from '../../infra/local/index.ts';
import {
  type Admin,
  applyPlan,
  type Consumer,
  type IncomingRecord,
  type KafkaSettings,
  type OutgoingRecord,
  openAdmin,
  openConsumer,
  openProducer,
  planChanges,
  type ScramLogin,
} from '../../kafka/index.ts';
import type { BadLine } from './bad-line.ts';

export const PARTITIONS = 4;

export interface TestBed {
  readonly cluster: KafkaCluster;
  readonly admin: Admin;
  as(user: User): KafkaSettings & ScramLogin;
  /** Creates topics by name; the rights are those of the contract. */
  createTopics(names: readonly string[], partitions?: number): Promise<void>;
  close(): Promise<void>;
}

/** `through`: a proxy for each broker, by which alone its clients reach it. */
export async function openTestBed(brokers: 1 | 3 = 1, through?: readonly BadLine[]): Promise<TestBed> {
  const cluster = await startTestKafka({
    brokers,
    ...(through && { advertise: (id: number) => through[id - 1]!.port }),
  });
  for (const [i, { port }] of cluster.nodes.entries()) if (through) through[i]!.target = port;
  const as = (user: User): KafkaSettings & ScramLogin => ({
    brokers: cluster.bootstrap,
    clientId: `test-${user}`,
    ca: cluster.ca,
    username: user,
    password: cluster.users.get(user)!.password,
  });
  const admin = await openAdmin(as('admin'));
  return {
    cluster,
    admin,
    as,
    async createTopics(names, partitions = PARTITIONS) {
      const topics: Topic[] = names.map((name) => ({
        name,
        key: '',
        partitions,
        cleanup: 'delete',
        retentionMs: -1,
        description: '',
      }));
      const desired = { topics, rights: RIGHTS, replication: brokers, stateful: new Set<string>() };
      await applyPlan(admin, desired, await planChanges(admin, desired));
    },
    async close() {
      await admin.close();
      await cluster.close();
    },
  };
}

export async function until(what: string, seconds: number, check: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + seconds * 1_000;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error(`after ${seconds} s still not: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Everything committed to a topic, gathered as it comes, whatever happens to the brokers. */
export async function collect(bed: TestBed, topic: string) {
  const records: IncomingRecord[] = [];
  const reached = new Map<number, number>();
  let closed = false;
  const open = (): Promise<Consumer> =>
    openConsumer(bed.as('admin'), {
      groupId: `test.${topic}.${Math.random()}`,
      topics: [topic],
      onBatch: async ({ partition, records: batch, next }) => {
        const from = reached.get(partition) ?? 0;
        for (const record of batch) if (record.offset >= from) records.push(record);
        reached.set(partition, Math.max(from, next));
        return undefined;
      },
      onSkipped: ({ partition, next }) => void reached.set(partition, Math.max(reached.get(partition) ?? 0, next)),
      onFailed: reopen,
    });
  const reopen = () => {
    const failed = consumer;
    consumer = failed
      .then((c) => c.close())
      .catch(() => {})
      .then(async () => {
        await new Promise((resolve) => setTimeout(resolve, 200));
        return open();
      });
    consumer.catch(() => closed || reopen());
  };
  let consumer = open();
  await consumer;
  return {
    records,
    /** Waits until all that the topic holds at this moment has been read. */
    async toEnd(): Promise<IncomingRecord[]> {
      const ends = await bed.admin.offsets(topic);
      await until(`${topic} read to its end`, 20, () =>
        ends.every(({ partition, low, high }) => (reached.get(partition) ?? low) >= high),
      );
      return records;
    },
    async close() {
      closed = true;
      await (await consumer).close();
    },
  };
}

/** Sends records in the name of a user, with that user's rights. */
export async function send(bed: TestBed, user: User, topic: string, records: readonly OutgoingRecord[]): Promise<void> {
  const producer = await openProducer(bed.as(user));
  await producer.send([{ topic, records }]);
  await producer.close();
}

/** Sends `count` records with texts from `from` on, `padding` characters longer than they need be. */
export async function feed(
  bed: TestBed,
  topic: string,
  from: number,
  count: number,
  keys = 50,
  padding = 0,
): Promise<void> {
  const records = Array.from({ length: count }, (_, i) => ({
    key: `k${(from + i) % keys}`,
    value: String(from + i).padEnd(padding),
  }));
  await send(bed, 'admin', topic, records);
}

/** Feeds a topic in small portions until told to stop, whatever happens to the brokers; gives back how many records the topic then holds. */
export function keepFeeding(bed: TestBed, topic: string): { stop(): Promise<number> } {
  let stopped = false;
  const over = (async () => {
    for (let fed = 0; !stopped; fed += 200) {
      // A portion sent in vain, or twice, is no matter: the topic itself is the truth.
      await feed(bed, topic, fed, 200).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    const ends = await bed.admin.offsets(topic);
    return ends.reduce((sum, { low, high }) => sum + high - low, 0);
  })();
  return {
    stop() {
      stopped = true;
      return over;
    },
  };
}
