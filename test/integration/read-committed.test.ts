import kafkajs from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { collect, openTestBed, type TestBed } from '../support/testbed.ts';

const TOPIC = 'hub.overlapping';
let bed: TestBed;

beforeAll(async () => {
  bed = await openTestBed();
  await bed.createTopics([TOPIC], 1);
});
afterAll(() => bed?.close());

/** Opens transactions with kafkajs itself: ours begin and end in one call, and so never overlap on purpose. */
async function transactionOf(name: string) {
  const { brokers, ca, username, password } = bed.as('hub');
  const client = new kafkajs.Kafka({
    brokers: [...brokers],
    ssl: { ca: [ca] },
    sasl: { mechanism: 'scram-sha-512', username, password },
    logLevel: kafkajs.logLevel.NOTHING,
  });
  const producer = client.producer({ transactionalId: `hub.${name}`, maxInFlightRequests: 1 });
  await producer.connect();
  const transaction = await producer.transaction();
  return {
    write: (what: string) =>
      transaction.send({ topic: TOPIC, messages: [{ partition: 0, key: null, value: `${name} ${what}` }] }),
    commit: () => transaction.commit().then(() => producer.disconnect()),
    abort: () => transaction.abort().then(() => producer.disconnect()),
  };
}

test('of transactions that overlap in a partition, readers see the committed ones only, in whatever order they end', async () => {
  const [first, second, third, good] = await Promise.all(['first', 'second', 'third', 'good'].map(transactionOf));
  for (const writer of [first!, second!, third!, good!]) {
    await writer.write('one');
    await writer.write('two');
  }
  await third!.abort();
  await second!.abort();
  await good!.write('three');
  await good!.commit();
  await first!.write('late');
  await first!.abort();

  const seen = await collect(bed, TOPIC);
  const records = await seen.toEnd();
  await seen.close();
  expect(records.map(({ value }) => String(value))).toEqual(['good one', 'good two', 'good three']);
});
