import { expect, test, vi } from 'vitest';
import { startForwarder } from './index.ts';
import { Broker, bench, submit, untilEmpty } from './testing.ts';

test('a record that Kafka finds too large even alone is replaced by word of it, and the rest goes on', async () => {
  const broker = new Broker();
  broker.mostBytes = 20_000;
  await using it = await bench(broker.open);
  const values = Array.from({ length: 200 }, (_, n) => (n === 120 ? 'x'.repeat(30_000) : `${n} ${'x'.repeat(300)}`));
  await Promise.all(values.map((value) => submit(it.buffer, value)));
  const forwarder = startForwarder(it.options);
  await untilEmpty(it.buffer);
  await forwarder.close();
  const { live } = broker.readOnce();
  expect(live!.filter((_, at) => at !== 120)).toEqual(values.filter((_, at) => at !== 120));
  expect(JSON.parse(live![120]!)).toMatchObject({ code: 'RECORD_TOO_LARGE', bytes: expect.stringMatching(/^eHh4/) });
  expect(broker.log[120]!.headers).toMatchObject({ kind: 'rejected' });
});

test.each(['KAFKA_MESSAGE_TOO_LARGE', 'KAFKA_RECORD_LIST_TOO_LARGE', 'KAFKA_INVALID_RECORD', 'KAFKA_CORRUPT_MESSAGE'])(
  'a record that is refused with %s is replaced by word of it, and no other is',
  async (code) => {
    const broker = new Broker();
    broker.answerTo = ({ value }) => (value === '73' ? code : undefined);
    await using it = await bench(broker.open);
    await Promise.all(Array.from({ length: 200 }, (_, n) => submit(it.buffer, String(n))));
    const forwarder = startForwarder(it.options);
    await untilEmpty(it.buffer);
    await forwarder.close();
    const { live } = broker.readOnce();
    expect(live!.filter((_, at) => at !== 73)).toEqual(Array.from({ length: 200 }, (_, n) => `${n}`).toSpliced(73, 1));
    const { bytes, reason } = JSON.parse(live![73]!);
    expect(Buffer.from(bytes, 'base64').toString()).toBe('73');
    expect(reason).toContain(code.slice(6));
  },
);

test.each([
  'KAFKA_TOPIC_AUTHORIZATION_FAILED',
  'KAFKA_CLUSTER_AUTHORIZATION_FAILED',
  'KAFKA_UNKNOWN_TOPIC_OR_PARTITION',
  'KAFKA_UNSUPPORTED_COMPRESSION_TYPE',
  'KAFKA_INVALID_TIMESTAMP',
  'KAFKA_NOT_ENOUGH_REPLICAS',
  'KAFKA_POLICY_VIOLATION',
])('while Kafka answers %s nothing is replaced, and all is sent when that is mended', async (code) => {
  const broker = new Broker();
  broker.answerTo = () => code;
  await using it = await bench(broker.open);
  await Promise.all(Array.from({ length: 50 }, (_, n) => submit(it.buffer, String(n))));
  const forwarder = startForwarder(it.options);
  await vi.waitFor(() => expect(broker.batches.length).toBeGreaterThan(8), { interval: 1 });
  expect(forwarder.status()).toMatchObject({ state: 'waiting', error: 'refused' });
  broker.answerTo = () => undefined;
  await untilEmpty(it.buffer);
  await forwarder.close();
  expect(broker.readOnce().live).toEqual(Array.from({ length: 50 }, (_, n) => `${n}`));
});

test('where Kafka refuses even the record in place of a record, it is asked ever less often, and nothing is lost', async () => {
  const broker = new Broker();
  broker.answerTo = () => 'KAFKA_INVALID_RECORD';
  await using it = await bench(broker.open);
  await submit(it.buffer, 'kept');
  const warnings: string[] = [];
  const log = { info: () => {}, warn: (_: object, message: string) => void warnings.push(message) };
  const forwarder = startForwarder({ ...it.options, log });
  await vi.waitFor(() => expect(broker.batches.length).toBeGreaterThan(7), { interval: 1 });
  expect(warnings).toContainEqual(expect.stringContaining('and the rejected record in its place too'));
  broker.answerTo = ({ headers }) => (headers!.kind === 'rejected' ? 'KAFKA_INVALID_RECORD' : undefined);
  await untilEmpty(it.buffer);
  await forwarder.close();
  expect(broker.readOnce().live).toEqual(['kept']);
});
