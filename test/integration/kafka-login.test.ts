import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TOPICS } from '../../contract/index.ts';
import { openAuthority } from '../../infra/local/index.ts';
import { type Compression, type KafkaSettings, openProducer } from '../../kafka/index.ts';
import { collect, openTestBed, type TestBed, until } from '../support/testbed.ts';

// Ways into a cluster, on real Kafka.

let bed: TestBed;
beforeAll(async () => {
  bed = await openTestBed();
  await bed.createTopics([TOPICS.raw.name, TOPICS.alerts.name], 1);
});
afterAll(() => bed?.close());

const record = (value: string) => [{ topic: TOPICS.raw.name, records: [{ key: 'gw-1', value }] }];
const written = async () => (await bed.admin.offsets(TOPICS.raw.name))[0]!.high;

async function send(settings: KafkaSettings, value = 'x'): Promise<void> {
  const producer = await openProducer(settings);
  try {
    await producer.send(record(value));
  } finally {
    await producer.close();
  }
}

async function withCertificateOf(user: string): Promise<KafkaSettings> {
  const { bootstrap, issue } = bed.cluster.mutualTls;
  const { cert, key } = await issue(user);
  return { brokers: bootstrap, clientId: 'test', ca: bed.cluster.ca, cert, key };
}

test('a certificate is as good as a password, and has the rights of the user it names and no others', async () => {
  const before = await written();
  const settings = await withCertificateOf('gateway');
  await send(settings);
  expect(await written()).toBe(before + 1);

  const producer = await openProducer(settings);
  const elsewhere = producer.send([{ topic: TOPICS.alerts.name, records: [{ key: 'k', value: 'v' }] }]);
  await expect(elsewhere).rejects.toMatchObject({ code: 'KAFKA_TOPIC_AUTHORIZATION_FAILED' });
  await producer.close();
  await expect(send(await withCertificateOf('page'))).rejects.toMatchObject({
    code: 'KAFKA_CLUSTER_AUTHORIZATION_FAILED',
  });
});

test('a certificate of somebody else’s authority is refused', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'headwater-strangers-'));
  const { cert, key } = await (await openAuthority(dir.path)).issue({ name: 'gateway', client: true });
  const settings = { ...(await withCertificateOf('gateway')), cert, key };
  await expect(openProducer(settings)).rejects.toThrow(/did not let CN=gateway in/);
});

test('a password that was changed lets in, and the old one no longer', async () => {
  const old = bed.as('gateway');
  await bed.cluster.setPassword('gateway', 'another');
  const current = { ...old, password: 'another' };
  await until('the new password is known', 20, () =>
    send(current).then(
      () => true,
      () => false,
    ),
  );
  await expect(openProducer(old)).rejects.toThrow(/did not let gateway in/);
  await bed.cluster.setPassword('gateway', old.password);
});

test.each<Compression>(['none', 'gzip', 'zstd'])(
  'what is sent with compression %s is read back',
  async (compression) => {
    const topic = `hub.${compression}`;
    await bed.createTopics([topic], 1);
    const producer = await openProducer(bed.as('admin'), { compression });
    await producer.send([{ topic, records: [{ key: 'k', value: 'sent '.repeat(1_000) }] }]);
    await producer.close();
    const reader = await collect(bed, topic);
    expect((await reader.toEnd()).map(({ value }) => `${value}`)).toEqual(['sent '.repeat(1_000)]);
    await reader.close();
  },
);

test('the broker’s certificate is told at the connection: when the first of its chain expires', async () => {
  const seen: { broker: string; expiresAt: number }[] = [];
  const producer = await openProducer(bed.as('gateway'), {
    onBrokerCertificate: (broker, expiresAt) => seen.push({ broker, expiresAt }),
  });
  await producer.close();
  expect(seen[0]!.broker).toBe(bed.cluster.bootstrap[0]);
  expect((seen[0]!.expiresAt - Date.now()) / 86_400_000).toBeGreaterThan(390);
  expect((seen[0]!.expiresAt - Date.now()) / 86_400_000).toBeLessThan(398);
});
