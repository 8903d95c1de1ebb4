import { afterAll, beforeAll, expect, test } from 'vitest';
import { ALL_TOPICS, PARTITIONS, RIGHTS, TOPICS, type Topic, type User } from '../../contract/index.ts';
import { startTestKafka } from '../../infra/local/index.ts';
import {
  type Admin,
  applyPlan,
  type Desired,
  type KafkaSettings,
  openAdmin,
  openConsumer,
  openProducer,
  openTransactionalProducer,
  planChanges,
} from '../../kafka/index.ts';

let kafka: Awaited<ReturnType<typeof startTestKafka>>;
let admin: Admin;
const desired: Desired = {
  topics: ALL_TOPICS,
  rights: RIGHTS,
  replication: 1,
  stateful: new Set([TOPICS.raw.name]),
};

function as(user: User, password = kafka.users.get(user)!.password): KafkaSettings {
  return { brokers: kafka.bootstrap, clientId: `test-${user}`, ca: kafka.ca, username: user, password };
}

beforeAll(async () => {
  kafka = await startTestKafka();
  admin = await openAdmin(as('admin'));
});

afterAll(async () => {
  await admin?.close();
  await kafka?.close();
});

test('an empty cluster gets every topic and right, and then nothing is left to do', async () => {
  const changes = await planChanges(admin, desired);
  expect(changes.filter((c) => c.kind === 'create')).toHaveLength(ALL_TOPICS.length);
  await applyPlan(admin, desired, changes);
  expect(await planChanges(admin, desired)).toEqual([]);
});

test('a changed retention is planned and applied, and nothing else changes', async () => {
  const late: Topic = { ...TOPICS.late, retentionMs: 1_000_000 };
  const next = { ...desired, topics: [late] };
  const changes = await planChanges(admin, next);
  expect(changes).toMatchObject([{ kind: 'configure', name: 'retention.ms', to: '1000000' }]);
  await applyPlan(admin, next, changes);
  expect(await planChanges(admin, next)).toEqual([]);
});

test('partitions are added where no state hangs on them and refused where it does', async () => {
  const [raw, late] = [TOPICS.raw, TOPICS.late].map((t) => ({ ...t, partitions: PARTITIONS + 2 }));
  const next = { ...desired, topics: [raw!, late!] };
  const changes = await planChanges(admin, next);
  expect(changes.map((c) => c.kind)).toContain('refused');
  await expect(applyPlan(admin, next, changes)).rejects.toMatchObject({ code: 'TOPICS_REFUSED' });
  const counts = new Map((await admin.topics()).map((t) => [t.name, t.partitions]));
  expect(counts.get('iot.raw')).toBe(PARTITIONS);
  expect(counts.get('late')).toBe(PARTITIONS + 2);
});

test('a right that the contract no longer gives is taken away', async () => {
  const rights = { ...RIGHTS, gateway: RIGHTS.gateway.filter((r) => r.name !== 'platform.health') };
  const next = { ...desired, topics: [], rights };
  const changes = await planChanges(admin, next);
  expect(changes.map((c) => c.kind)).toEqual(['revoke', 'revoke']);
  await applyPlan(admin, next, changes);
  expect(await planChanges(admin, next)).toEqual([]);
});

test('a gateway writes what it forwards and can neither read it nor write results', async () => {
  const producer = await openProducer(as('gateway'));
  await producer.send([{ topic: 'iot.raw', records: [{ key: 'g', value: '{}' }] }]);
  await expect(producer.send([{ topic: 'iot.readings', records: [{ key: 'g', value: '{}' }] }])).rejects.toMatchObject({
    code: 'KAFKA_TOPIC_AUTHORIZATION_FAILED',
    retryable: false,
  });
  await producer.close();
  const failed = Promise.withResolvers<Error>();
  const consumer = await openConsumer(as('gateway'), {
    groupId: 'hub.stolen',
    topics: ['iot.raw'],
    onBatch: async () => undefined,
    onFailed: failed.resolve,
  });
  expect(await failed.promise).toMatchObject({
    code: expect.stringMatching(/AUTHORIZATION_FAILED|GROUP_COORDINATOR_NOT_FOUND/),
  });
  await consumer.close();
});

test('the page, which may write nothing, cannot even open a producer', async () => {
  await expect(openProducer(as('page'))).rejects.toMatchObject({ code: 'KAFKA_CLUSTER_AUTHORIZATION_FAILED' });
});

test("a program cannot take another one's transactional id", async () => {
  const taken = openTransactionalProducer(as('sources'), { transactionalId: 'hub.intake.0' });
  await expect(taken).rejects.toThrow(/transactional producer hub.intake.0/);
});

test('a wrong password gets nowhere and is told so', async () => {
  await expect(openProducer(as('gateway', 'guess'))).rejects.toThrow(/gateway/);
});

test('a certificate of another authority is refused by the client', async () => {
  const other = { ...as('gateway'), ca: '' };
  await expect(openAdmin(other)).rejects.toThrow();
});
