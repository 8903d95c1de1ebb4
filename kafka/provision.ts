import kafkajs from 'kafkajs';
import { HeadwaterError, type Operation, type Right, type Topic } from '../contract/index.ts';
import type { Admin } from './admin.ts';
import { asHeadwaterError } from './client.ts';

/** What a cluster should hold. */
export interface Desired {
  readonly topics: readonly Topic[];
  /** Rights by user name; rights of other users are left alone. */
  readonly rights: Readonly<Record<string, readonly Right[]>>;
  /** Replicas of each topic; with three or more, two must be in sync for a write. */
  readonly replication: number;
  /** Topics whose partition count must not change, because the state of a reader is kept by partition. */
  readonly stateful: ReadonlySet<string>;
}

/** One difference between a cluster and what is desired. */
export type Change =
  | { readonly kind: 'create'; readonly topic: Topic }
  | {
      readonly kind: 'configure';
      readonly topic: Topic;
      readonly name: string;
      readonly from: string;
      readonly to: string;
    }
  | { readonly kind: 'partitions'; readonly topic: Topic; readonly from: number; readonly to: number }
  | { readonly kind: 'refused'; readonly topic: Topic; readonly reason: string }
  | { readonly kind: 'grant'; readonly user: string; readonly right: Right }
  | { readonly kind: 'revoke'; readonly user: string; readonly right: Right };

const { ResourcePatternTypes } = kafkajs;

function configOf(topic: Topic, replication: number): Record<string, string> {
  return {
    'cleanup.policy': topic.cleanup,
    'retention.ms': String(topic.retentionMs),
    'message.timestamp.type': 'LogAppendTime',
    'min.insync.replicas': replication >= 3 ? '2' : '1',
    ...(topic.cleanup === 'compact' && { 'segment.ms': '3600000', 'min.cleanable.dirty.ratio': '0.1' }),
    ...(topic.minCompactionLagMs !== undefined && { 'min.compaction.lag.ms': String(topic.minCompactionLagMs) }),
  };
}

/** @throws HeadwaterError `KAFKA_…` */
export async function planChanges(admin: Admin, desired: Desired): Promise<Change[]> {
  const existing = new Map((await admin.topics()).map((t) => [t.name, t]));
  const present = desired.topics.filter((t) => existing.has(t.name));
  const configs = await topicConfigs(admin, present);
  const changes: Change[] = [];
  for (const topic of desired.topics) {
    const found = existing.get(topic.name);
    if (!found) {
      changes.push({ kind: 'create', topic });
      continue;
    }
    if (found.partitions !== topic.partitions) changes.push(partitionChange(topic, found.partitions, desired.stateful));
    for (const [name, to] of Object.entries(configOf(topic, desired.replication))) {
      const from = configs.get(topic.name)?.get(name) ?? '';
      if (from !== to) changes.push({ kind: 'configure', topic, name, from, to });
    }
  }
  return [...changes, ...(await planRights(admin, desired.rights))];
}

function partitionChange(topic: Topic, from: number, stateful: ReadonlySet<string>): Change {
  if (stateful.has(topic.name)) {
    const reason = `${topic.name} has ${from} partitions, ${topic.partitions} are wanted, and jobs keep state by its partitions. Keep ${from}, or reset the jobs that read it and create the topic anew.`;
    return { kind: 'refused', topic, reason };
  }
  if (topic.partitions < from) {
    return {
      kind: 'refused',
      topic,
      reason: `${topic.name} has ${from} partitions; Kafka cannot reduce them to ${topic.partitions}.`,
    };
  }
  return { kind: 'partitions', topic, from, to: topic.partitions };
}

async function topicConfigs(admin: Admin, topics: readonly Topic[]): Promise<Map<string, Map<string, string>>> {
  if (topics.length === 0) return new Map();
  const { resources } = await admin.raw.describeConfigs({
    includeSynonyms: false,
    resources: topics.map((t) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name: t.name })),
  });
  return new Map(
    resources.map((r) => [r.resourceName, new Map(r.configEntries.map((e) => [e.configName, e.configValue]))]),
  );
}

/**
 * Makes the changes that `planChanges` found and waits until the cluster shows them: it takes some moments to spread them. Refused ones are
 * not made; the others are.
 * @throws HeadwaterError `TOPICS_REFUSED` when any change was refused, `KAFKA_…` when the cluster did not take one
 */
export async function applyPlan(admin: Admin, desired: Desired, changes: readonly Change[]): Promise<void> {
  const { replication } = desired;
  const of = <K extends Change['kind']>(kind: K) =>
    changes.filter((c): c is Extract<Change, { kind: K }> => c.kind === kind);
  try {
    const created = of('create').map((c) => c.topic);
    if (created.length > 0) {
      await admin.raw.createTopics({
        // Done below: kafkajs fails where the broker has not yet heard of a topic that the controller has made.
        waitForLeaders: false,
        timeout: 30_000,
        topics: created.map((t) => ({
          topic: t.name,
          numPartitions: t.partitions,
          replicationFactor: replication,
          configEntries: Object.entries(configOf(t, replication)).map(([name, value]) => ({ name, value })),
        })),
      });
    }
    const grown = of('partitions');
    if (grown.length > 0) {
      await admin.raw.createPartitions({ topicPartitions: grown.map((c) => ({ topic: c.topic.name, count: c.to })) });
    }
    const configured = [...new Set(of('configure').map((c) => c.topic))];
    if (configured.length > 0) {
      await admin.raw.alterConfigs({
        validateOnly: false,
        resources: configured.map((t) => ({
          type: kafkajs.ConfigResourceTypes.TOPIC,
          name: t.name,
          configEntries: Object.entries(configOf(t, replication)).map(([name, value]) => ({ name, value })),
        })),
      });
    }
    const granted = of('grant');
    if (granted.length > 0) await admin.raw.createAcls({ acl: granted.flatMap((c) => entries(c.user, c.right)) });
    const revoked = of('revoke');
    if (revoked.length > 0) await admin.raw.deleteAcls({ filters: revoked.flatMap((c) => entries(c.user, c.right)) });
  } catch (error) {
    throw asHeadwaterError(error, 'the cluster did not take the changes');
  }
  const refused = of('refused');
  await untilShown(admin, desired);
  if (refused.length > 0) {
    throw new HeadwaterError('TOPICS_REFUSED', 'Some topics were left as they are', {
      details: refused.map((c) => c.reason),
    });
  }
}

async function untilShown(admin: Admin, desired: Desired): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const left = await planChanges(admin, desired).catch(() => undefined);
    if (left?.every((change) => change.kind === 'refused')) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new HeadwaterError(
    'KAFKA_CHANGES_NOT_SHOWN',
    'the cluster took the changes but does not show them after 10 s',
    { retryable: true },
  );
}

const RESOURCES = { topic: 2, group: 3, cluster: 4, transactionalId: 5 } as const;
const OPERATIONS: Record<Operation, number> = {
  read: 3,
  write: 4,
  delete: 6,
  describe: 8,
  describeConfigs: 10,
  idempotentWrite: 12,
};
const ALLOW = 3;

function entries(user: string, right: Right): kafkajs.AclEntry[] {
  return right.operations.map((operation) => ({
    resourceType: RESOURCES[right.resource],
    resourceName: right.name,
    resourcePatternType: right.pattern === 'prefixed' ? ResourcePatternTypes.PREFIXED : ResourcePatternTypes.LITERAL,
    principal: `User:${user}`,
    host: '*',
    operation: OPERATIONS[operation],
    permissionType: ALLOW,
  }));
}

const keyOf = (e: kafkajs.AclEntry) =>
  [e.resourceType, e.resourceName, e.resourcePatternType, e.principal, e.operation].join('|');

async function planRights(admin: Admin, rights: Desired['rights']): Promise<Change[]> {
  const any = { resourceType: 1, resourcePatternType: 1, operation: 1, permissionType: 1 };
  const { resources } = await admin.raw.describeAcls(any).catch((error) => {
    throw asHeadwaterError(error, 'cannot read the access rights');
  });
  const existing = new Map<string, kafkajs.AclEntry>();
  for (const { acls, ...resource } of resources) {
    for (const acl of acls) {
      const entry = { ...acl, ...resource } as unknown as kafkajs.AclEntry;
      existing.set(keyOf(entry), entry);
    }
  }
  const changes: Change[] = [];
  const wanted = new Set<string>();
  for (const [user, list] of Object.entries(rights)) {
    for (const right of list) {
      const missing: Operation[] = [];
      for (const operation of right.operations) {
        const key = keyOf(entries(user, { ...right, operations: [operation] })[0]!);
        if (!existing.has(key) && !wanted.has(key)) missing.push(operation);
        wanted.add(key);
      }
      if (missing.length > 0) changes.push({ kind: 'grant', user, right: { ...right, operations: missing } });
    }
  }
  const ours = new Set(Object.keys(rights).map((user) => `User:${user}`));
  for (const [key, entry] of existing) {
    if (ours.has(entry.principal) && !wanted.has(key)) {
      changes.push({ kind: 'revoke', user: entry.principal.slice(5), right: rightOf(entry) });
    }
  }
  return changes;
}

function rightOf(entry: kafkajs.AclEntry): Right {
  const byNumber = <T extends string>(names: Readonly<Record<T, number>>, n: number) =>
    (Object.keys(names) as T[]).find((name) => names[name] === n)!;
  return {
    resource: byNumber(RESOURCES, entry.resourceType),
    name: entry.resourceName,
    pattern: entry.resourcePatternType === ResourcePatternTypes.PREFIXED ? 'prefixed' : 'literal',
    operations: [byNumber(OPERATIONS, entry.operation)],
  };
}
