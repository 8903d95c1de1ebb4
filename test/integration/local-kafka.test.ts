import { existsSync, statSync, writeFileSync } from 'node:fs';
import { mkdtempDisposable, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { expect, test } from 'vitest';
import {
  type BrokerExit,
  commandLine,
  type KafkaCluster,
  startKafka,
  startOf,
  startProcess,
  startTestKafka,
  wipe,
} from '../../infra/local/index.ts';

const folder = () => mkdtempDisposable(join(tmpdir(), 'headwater-local-kafka-'));

function clientOf(kafka: KafkaCluster, user: string, password = kafka.users.get(user)!.password): Kafka {
  return new Kafka({
    brokers: [...kafka.bootstrap],
    ssl: { ca: kafka.ca },
    sasl: { mechanism: 'scram-sha-512', username: user, password },
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 100, retries: 12, maxRetryTime: 1_000 },
  });
}

async function createTopic(kafka: KafkaCluster, topic: string): Promise<void> {
  const admin = clientOf(kafka, 'admin').admin();
  await admin.connect();
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 3 }] });
  await admin.disconnect();
}

async function produce(kafka: KafkaCluster, topic: string, ...values: string[]): Promise<void> {
  const producer = clientOf(kafka, 'admin').producer();
  await producer.connect();
  await producer.send({ topic, acks: -1, messages: values.map((value) => ({ key: value, value })) });
  await producer.disconnect();
}

async function count(kafka: KafkaCluster, topic: string): Promise<number> {
  const admin = clientOf(kafka, 'admin').admin();
  await admin.connect();
  const offsets = await admin.fetchTopicOffsets(topic);
  await admin.disconnect();
  return offsets.reduce((sum, { high }) => sum + Number(high), 0);
}

/** Settles once the process is gone. */
async function gone(pid: number): Promise<void> {
  while (startOf(pid) !== undefined) await sleep(50);
}

test('only who has a password and a right gets in', async () => {
  await using kafka = await startTestKafka();
  await createTopic(kafka, 'numbers');
  await produce(kafka, 'numbers', 'one');

  const wrong = clientOf(kafka, 'admin', 'guess').admin();
  await expect(wrong.connect()).rejects.toThrow(/Authentication failed/);

  const plain = new Kafka({ brokers: [...kafka.bootstrap], logLevel: logLevel.NOTHING, retry: { retries: 0 } }).admin();
  await expect(plain.connect()).rejects.toThrow();
  const answer = await new Promise<Buffer>((resolve) => {
    const received: Buffer[] = [];
    const socket = connect(kafka.nodes[0]!.port, '127.0.0.1', () => socket.write(Buffer.alloc(64)));
    socket.on('data', (chunk) => received.push(chunk)).on('error', () => {});
    socket.on('close', () => resolve(Buffer.concat(received)));
  });
  const TLS_ALERT = 0x15;
  expect(answer.length === 0 || answer[0] === TLS_ALERT).toBe(true);

  const unauthorised = clientOf(kafka, 'gateway').producer();
  await unauthorised.connect();
  const refused = unauthorised.send({ topic: 'numbers', messages: [{ value: 'two' }] });
  await expect(refused).rejects.toThrow(/not authorized|authorization failed/i);
  await unauthorised.disconnect();
  expect(await count(kafka, 'numbers')).toBe(1);
});

test('a second start on a live folder is refused, a later one goes on with data, ports and users', async () => {
  await using dir = await folder();
  const first = await startKafka({ dir: dir.path, users: ['admin', 'hub'] });
  await createTopic(first, 'numbers');
  await produce(first, 'numbers', 'one', 'two');
  await expect(startKafka({ dir: dir.path })).rejects.toMatchObject({
    code: 'ALREADY_RUNNING',
    message: expect.stringContaining(`process ${process.pid}`),
  });
  await expect(wipe(dir.path)).rejects.toMatchObject({ code: 'ALREADY_RUNNING' });
  await first.close();

  const second = await startKafka({ dir: dir.path, users: ['admin', 'hub', 'newcomer'] });
  expect(second.bootstrap).toEqual(first.bootstrap);
  expect(second.users.get('hub')).toEqual(first.users.get('hub'));
  expect(await count(second, 'numbers')).toBe(2);
  const newcomer = clientOf(second, 'newcomer').admin();
  await newcomer.connect();
  await newcomer.disconnect();
  await second.close();

  await wipe(dir.path);
  expect(existsSync(dir.path)).toBe(false);
});

test('secrets are in no command line, no log and no file that others can read', async () => {
  await using dir = await folder();
  await using kafka = await startKafka({ dir: dir.path });
  const [{ pid, logFile }] = kafka.nodes as [KafkaCluster['nodes'][number]];
  const places = [commandLine(pid), await readFile(logFile, 'utf8')];
  for (const { password, passwordFile } of kafka.users.values()) {
    for (const place of places) expect(place).not.toContain(password);
    expect(statSync(passwordFile).mode & 0o777).toBe(0o600);
  }
  expect(places[0]).toContain('kafka.Kafka');
  expect(statSync(dir.path).mode & 0o777).toBe(0o700);
});

test('of three brokers a killed one is reported, the others go on, and it can come back', async () => {
  const exits: BrokerExit[] = [];
  await using kafka = await startTestKafka({ brokers: 3, onExit: (exit) => exits.push(exit) });
  await createTopic(kafka, 'numbers');
  await produce(kafka, 'numbers', 'one');
  const victim = kafka.nodes[1]!;
  const { pid } = victim;
  process.kill(pid, 'SIGKILL');
  await expect
    .poll(() => exits, { timeout: 10_000 })
    .toMatchObject([{ node: 2, pid, signal: 'SIGKILL', hint: expect.stringContaining('killed from outside') }]);
  await produce(kafka, 'numbers', 'two', 'three', 'four', 'five');
  await victim.restart();
  expect(victim.pid).not.toBe(pid);
  expect(await count(kafka, 'numbers')).toBe(5);
  expect(exits).toHaveLength(1);
});

const STARTER = (dir: string) => `
  import('${new URL('../../infra/local/index.ts', import.meta.url).href}').then(async ({ startKafka }) => {
    const kafka = await startKafka({ dir: '${dir}', users: ['admin'] });
    console.log('broker', kafka.nodes[0].pid);
  })`;

async function startElsewhere(dir: string) {
  const parent = await startProcess({
    name: 'another run',
    command: process.execPath,
    args: ['-e', STARTER(dir)],
    readyWhen: (line) => line.startsWith('broker '),
    readyTimeoutMs: 100_000,
  });
  const broker = Number(parent.lastLines().at(-1)!.split(' ')[1]);
  return { parent, broker };
}

test('a run killed by kill -9 leaves no broker behind', async () => {
  await using dir = await folder();
  const { parent, broker } = await startElsewhere(dir.path);
  parent.kill('SIGKILL');
  await gone(broker);
});

test('a broker left over from such a run is ended by the next start, which has its data', async () => {
  await using dir = await folder();
  const { parent, broker } = await startElsewhere(dir.path);
  // Held still, it survives its parent until the next start, as one would whose watchdog was killed too.
  process.kill(broker, 'SIGSTOP');
  parent.kill('SIGKILL');
  await parent.exited;
  const said: string[] = [];
  await using next = await startKafka({ dir: dir.path, users: ['admin'], onLog: (text) => said.push(text) });
  expect(said).toContain(`ending process ${broker}, left over from an earlier run`);
  await gone(broker);
  await createTopic(next, 'numbers');
});

test('a broker that cannot live says why', async () => {
  await using dir = await folder();
  await (await startKafka({ dir: dir.path, users: ['admin'] })).close();
  writeFileSync(join(dir.path, 'node-1', 'data', 'meta.properties'), 'spoilt');
  await expect(startKafka({ dir: dir.path, users: ['admin'] })).rejects.toMatchObject({
    code: 'KAFKA_START_FAILED',
    message: expect.stringMatching(/data is damaged.*--fresh/),
    details: expect.arrayContaining([expect.stringContaining('node ID not found')]),
  });
});
