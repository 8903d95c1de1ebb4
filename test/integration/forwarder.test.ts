import { randomBytes } from 'node:crypto';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { formatIdentity, parseIdentity, RIGHTS, TOPICS, type User } from '../../contract/index.ts';
import { type Buffer as DiskBuffer, openBuffer } from '../../gateway/buffer/index.ts';
import { type ForwarderOptions, startForwarder } from '../../gateway/forwarder/index.ts';
import { type KafkaCluster, startTestKafka } from '../../infra/local/index.ts';
import {
  applyPlan,
  type KafkaSettings,
  openAdmin,
  openConsumer,
  openProducer,
  planChanges,
} from '../../kafka/index.ts';

const as = (kafka: KafkaCluster, user: User): KafkaSettings => ({
  brokers: kafka.bootstrap,
  clientId: `test-${user}`,
  ca: kafka.ca,
  username: user,
  password: kafka.users.get(user)!.password,
});

async function makeTopic(kafka: KafkaCluster): Promise<void> {
  const admin = await openAdmin(as(kafka, 'admin'));
  const desired = { topics: [TOPICS.raw], rights: RIGHTS, replication: 1, stateful: new Set<string>() };
  await applyPlan(admin, desired, await planChanges(admin, desired));
  await admin.close();
}

/** Identity → value of everything in `iot.raw`, read until `count` identities were seen; fails where a lane arrives out of order. */
async function readRaw(kafka: KafkaCluster, count: number): Promise<Map<string, string>> {
  const values = new Map<string, string>();
  const next: Record<string, number> = { alarm: 1, live: 1, backlog: 1 };
  const done = Promise.withResolvers<void>();
  const consumer = await openConsumer(as(kafka, 'hub'), {
    groupId: 'hub.test',
    topics: [TOPICS.raw.name],
    onFailed: done.reject,
    async onBatch(batch) {
      for (const { headers, value } of batch.records) {
        const { lane, sequence } = parseIdentity(headers.id!);
        if (sequence > next[lane]!) done.reject(new Error(`${headers.id} came when ${next[lane]} was due`));
        next[lane] = Math.max(next[lane]!, sequence + 1);
        values.set(headers.id!, value!.toString());
      }
      if (values.size >= count) done.resolve();
      return undefined;
    },
  });
  await done.promise.finally(() => consumer.close());
  return values;
}

test('every acknowledged reading arrives, in order and once by its identity, though the broker is killed meanwhile', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'headwater-forwarder-'));
  await using kafka = await startTestKafka();
  await makeTopic(kafka);
  await using buffer = await openedBuffer(dir.path);
  const forwarder = startForwarder({ ...forwarderOf(kafka, buffer), limits: { lastRetryMs: 500 } });

  let submitting = true;
  const acknowledged: string[] = [];
  const device = async (name: string) => {
    for (let n = 0; submitting; n++) {
      const value = JSON.stringify({ name, n, padding: 'x'.repeat(150) });
      const outcome = await buffer.submit({ entries: [{ kind: 'reading', alarm: n % 50 === 0, value, ts: n }] });
      expect(outcome).toBe('stored');
      acknowledged.push(value);
    }
  };
  const devices = Promise.all(Array.from({ length: 20 }, (_, at) => device(`device-${at}`)));
  const forwardedMoreThan = async (count: number) => {
    while ((await buffer.status()).counts.forwarded <= count) await sleep(20);
  };
  await forwardedMoreThan(2000);
  await kafka.nodes[0]!.kill('SIGKILL');
  while (forwarder.status().state !== 'waiting') await sleep(20);
  const before = (await buffer.status()).counts.forwarded;
  await kafka.nodes[0]!.restart();
  await forwardedMoreThan(before + 2000);
  submitting = false;
  await devices;
  while ((await buffer.status()).readings > 0) await sleep(20);
  await forwarder.close();

  const values = await readRaw(kafka, acknowledged.length);
  expect([...values.values()].sort()).toEqual(acknowledged.sort());
  const { incarnation, last } = buffer;
  for (const lane of ['alarm', 'live', 'backlog'] as const) {
    if (last[lane] > 0) expect(values.has(formatIdentity({ incarnation, lane, sequence: last[lane] }))).toBe(true);
  }
});

test('a gateway that starts again sends nothing again that it knew to be in Kafka', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'headwater-forwarder-'));
  await using kafka = await startTestKafka();
  await makeTopic(kafka);
  const EACH = 500;
  for (let life = 0; life < 3; life++) {
    await using buffer = await openedBuffer(dir.path);
    const forwarder = startForwarder(forwarderOf(kafka, buffer));
    const submissions = Array.from({ length: EACH }, (_, n) => {
      const value = JSON.stringify({ life, n });
      return buffer.submit({ entries: [{ kind: 'reading', alarm: false, value, ts: n }] });
    });
    await Promise.all(submissions);
    while ((await buffer.status()).readings > 0) await sleep(20);
    await forwarder.close();
  }
  const admin = await openAdmin(as(kafka, 'admin'));
  const ends = await admin.offsets(TOPICS.raw.name);
  await admin.close();
  expect(ends.reduce((sum, { low, high }) => sum + high - low, 0)).toBe(3 * EACH);
});

test('a topic that takes only small records gets all that fit, and word of the one that does not', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'headwater-forwarder-'));
  await using kafka = await startTestKafka();
  await makeTopic(kafka);
  const admin = await openAdmin(as(kafka, 'admin'));
  await admin.raw.alterConfigs({
    validateOnly: false,
    resources: [{ type: 2, name: TOPICS.raw.name, configEntries: [{ name: 'max.message.bytes', value: '20000' }] }],
  });
  await using buffer = await openedBuffer(dir.path);
  // What chance wrote cannot be compressed.
  const values = Array.from({ length: 100 }, (_, n) => (n === 60 ? randomBytes(30_000).toString('base64') : `${n}`));
  await Promise.all(
    values.map((value) => buffer.submit({ entries: [{ kind: 'reading', alarm: false, value, ts: 0 }] })),
  );
  const forwarder = startForwarder({ ...forwarderOf(kafka, buffer), limits: { lastRetryMs: 500 } });
  while ((await buffer.status()).readings > 0) await sleep(20);
  await forwarder.close();
  const got = [...(await readRaw(kafka, values.length)).values()];
  expect(got.toSpliced(60, 1)).toEqual(values.toSpliced(60, 1));
  expect(JSON.parse(got[60]!)).toMatchObject({ code: 'RECORD_TOO_LARGE', bytes: expect.stringMatching(/^.{5000,}$/) });
  await admin.close();
});

test('without the right to a topic everything waits as it is, and goes when the right is given', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'headwater-forwarder-'));
  await using kafka = await startTestKafka();
  await makeTopic(kafka);
  const admin = await openAdmin(as(kafka, 'admin'));
  const right = { resourceType: 2, resourceName: TOPICS.raw.name, resourcePatternType: 3 } as const;
  const its = { principal: 'User:gateway', host: '*', operation: 4, permissionType: 3 } as const;
  await admin.raw.deleteAcls({ filters: [{ ...right, ...its }] });
  await using buffer = await openedBuffer(dir.path);
  await buffer.submit({ entries: [{ kind: 'reading', alarm: false, value: 'waits', ts: 0 }] });
  const forwarder = startForwarder({ ...forwarderOf(kafka, buffer), limits: { lastRetryMs: 300 } });
  while (!/authoriz/i.test(forwarder.status().error ?? '')) await sleep(20);
  await sleep(1_000);
  await admin.raw.createAcls({ acl: [{ ...right, ...its }] });
  while ((await buffer.status()).readings > 0) await sleep(20);
  await forwarder.close();
  expect([...(await readRaw(kafka, 1)).values()]).toEqual(['waits']);
  await admin.close();
});

function forwarderOf(kafka: KafkaCluster, buffer: DiskBuffer): ForwarderOptions {
  return {
    buffer,
    kafka: () => openProducer(as(kafka, 'gateway')),
    gateway: 'gw-1',
    topic: TOPICS.raw.name,
    settings: { backlogShare: 0.5, batchBytes: 900_000, lingerMs: 5 },
    log: { info: () => {}, warn: () => {} },
  };
}

async function openedBuffer(dir: string) {
  const buffer = await openBuffer({
    dir,
    maxBytes: 256 * 1024 * 1024,
    maxAgeMs: 3_600_000,
    whenFull: 'reject-new',
    liveWithinMs: 1000,
  });
  return Object.assign(buffer, { [Symbol.asyncDispose]: () => buffer.close() });
}
