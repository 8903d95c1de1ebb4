import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ALL_TOPICS, encode, HEADER, RIGHTS, TOPICS, topic, type User } from '../../contract/index.ts';
import { type Feed, OWN_RETENTION, openStore, type Results, type Store, startLiveFeed } from '../../hub/sinks/index.ts';
import { startTestKafka } from '../../infra/local/index.ts';
import { applyPlan, type KafkaSettings, openAdmin, openProducer, planChanges } from '../../kafka/index.ts';

let kafka: Awaited<ReturnType<typeof startTestKafka>>;
let dir: string;
let store: Store;
let feed: Feed;
let heard: Results[];

function as(user: User): KafkaSettings {
  const { password } = kafka.users.get(user)!;
  return { brokers: kafka.bootstrap, clientId: `test-${user}`, ca: kafka.ca, username: user, password };
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'headwater-feed-'));
  kafka = await startTestKafka();
  const admin = await openAdmin(as('admin'));
  const desired = { topics: ALL_TOPICS, rights: RIGHTS, replication: 1, stateful: new Set<string>() };
  await applyPlan(admin, desired, await planChanges(admin, desired));
  await admin.close();
});

afterAll(async () => {
  await kafka?.close();
  rmSync(dir, { recursive: true });
});

function start(kafkaSettings = as('page'), own: readonly string[] = []): void {
  const retention = Object.fromEntries(own.map((name) => [name, OWN_RETENTION]));
  store = openStore({ file: join(dir, 'results.sqlite'), retention });
  feed = startLiveFeed({ kafka: kafkaSettings, store, clock: Date.now, own });
  heard = [];
  feed.subscribe((results) => heard.push(results));
}

async function stop(): Promise<void> {
  await feed.close();
  store.close();
}

async function produce(topic: string, values: readonly object[]): Promise<void> {
  const producer = await openProducer(as('hub'));
  const records = values.map((value, i) => ({
    key: `k${i}`,
    value: encode(value),
    headers: { [HEADER.lane]: 'live' },
  }));
  await producer.send([{ topic, records }]);
  await producer.close();
}

const reading = (value: number) => ({
  device: 'pump-1',
  gateway: 'gw-1',
  site: 'north',
  metric: 'temperature',
  value,
  unit: 'Cel',
  ts: Date.now(),
  receivedAt: Date.now(),
});
const letters = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    origin: `mqtt:${i}`,
    code: 'BAD',
    reason: 'r',
    bytes: '',
    ts: Date.now(),
  }));
const values = () => heard.flatMap((results) => results.readings.map(({ reading }) => reading.value));

test('results from before are read, readings only as they come, and a restart goes on without counting twice', async () => {
  await produce(TOPICS.readings.name, [reading(1), reading(2)]);
  await produce(TOPICS.deadLetters.name, letters(20));
  start();
  await expect.poll(() => store.totals().deadLetters, { timeout: 60_000 }).toBe(20);
  await expect
    .poll(
      async () => {
        await produce(TOPICS.readings.name, [reading(3)]);
        return values().length;
      },
      { timeout: 60_000 },
    )
    .toBeGreaterThan(0);
  expect(new Set(values())).toEqual(new Set([3]));
  expect(heard.flatMap((results) => results.readings).every(({ lane }) => lane === 'live')).toBe(true);
  await stop();

  await produce(TOPICS.deadLetters.name, letters(15));
  await produce(TOPICS.readings.name, [reading(4)]);
  start();
  await expect.poll(() => store.totals().deadLetters, { timeout: 60_000 }).toBe(35);
  expect(heard.flatMap((results) => results.deadLetters)).toHaveLength(15);
  expect(values()).not.toContain(4);
  expect(feed.state()).toEqual({ state: 'live', detail: '', records: 15, unreadable: 0 });
  await stop();
});

test('a member that joins and leaves costs nothing and doubles nothing', async () => {
  start();
  await expect.poll(() => feed.state().state, { timeout: 60_000 }).toBe('live');
  const before = store.totals().deadLetters;
  const otherStore = openStore({ file: join(dir, 'other.sqlite') });
  const other = startLiveFeed({ kafka: as('page'), store: otherStore, clock: Date.now });
  await expect.poll(() => other.state().state, { timeout: 60_000 }).toBe('live');
  await produce(TOPICS.deadLetters.name, letters(40));
  await other.close();
  otherStore.close();
  // What the other one read in between is read again from this store's own positions.
  await expect.poll(() => store.totals().deadLetters, { timeout: 60_000 }).toBe(before + 40);
  await stop();
});

test('a broker that dies and comes back is read on from where the store stands', async () => {
  start();
  await expect.poll(() => feed.state().state, { timeout: 60_000 }).toBe('live');
  const before = store.totals().deadLetters;
  const [node] = kafka.nodes;
  node!.kill('SIGKILL');
  await node!.restart();
  await produce(TOPICS.deadLetters.name, letters(25));
  await expect.poll(() => store.totals().deadLetters, { timeout: 90_000 }).toBe(before + 25);
  expect(feed.state().state).toBe('live');
  await stop();
});

test('a topic of an own job that nobody has made yet holds up no other, and is read when it is there', async () => {
  start(as('page'), ['own.rooms']);
  await expect.poll(() => feed.state().state, { timeout: 60_000 }).toBe('live');
  const before = store.totals().deadLetters;
  await produce(TOPICS.deadLetters.name, letters(5));
  await expect.poll(() => store.totals().deadLetters, { timeout: 60_000 }).toBe(before + 5);

  const admin = await openAdmin(as('admin'));
  const rooms = topic('own.rooms', 'series', 'warmth of rooms');
  const desired = { topics: [rooms], rights: RIGHTS, replication: 1, stateful: new Set<string>() };
  await applyPlan(admin, desired, await planChanges(admin, desired));
  await admin.close();
  const windowStart = Math.floor(Date.now() / 10_000) * 10_000;
  const row = { series: 'hall', windowStart, windowEnd: windowStart + 10_000, revision: 0, mean: 20.5 };
  await produce(rooms.name, [row]);
  const rows = () => store.series(rooms.name, 'hall', windowStart, windowStart + 1);
  await expect.poll(rows, { timeout: 60_000 }).toEqual([row]);
  await stop();
});

test('it says that a cluster is away, and ends while it still is', async () => {
  start({ ...as('page'), brokers: ['127.0.0.1:1'] });
  await expect.poll(() => feed.state().state, { timeout: 60_000 }).toBe('failed');
  expect(feed.state().detail).toContain('127.0.0.1:1');
  await stop();
});
