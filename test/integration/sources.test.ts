import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ALL_TOPICS, HeadwaterError, RIGHTS, TOPICS, type User } from '../../contract/index.ts';
import { SourcesConfig, sourceTopics, startSources } from '../../hub/sources/index.ts';
import { startTestKafka } from '../../infra/local/index.ts';
import {
  applyPlan,
  type IncomingRecord,
  type KafkaSettings,
  openAdmin,
  openConsumer,
  planChanges,
} from '../../kafka/index.ts';

const PROCESS = fileURLToPath(new URL('./sources-process.ts', import.meta.url));
const quiet = { info() {}, warn() {} };

let cluster: Awaited<ReturnType<typeof startTestKafka>>;
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'headwater-sources-'));
  cluster = await startTestKafka();
  const admin = await openAdmin(as('admin'));
  const topics = [...ALL_TOPICS, ...sourceTopics()];
  const desired = { topics, rights: RIGHTS, replication: 1, stateful: new Set<string>() };
  await applyPlan(admin, desired, await planChanges(admin, desired));
  await admin.close();
});
afterAll(async () => {
  await cluster?.close();
  rmSync(dir, { recursive: true, force: true });
});

function as(user: User): KafkaSettings {
  const { password } = cluster.users.get(user)!;
  return { brokers: cluster.bootstrap, clientId: `test-${user}`, ca: cluster.ca, username: user, password };
}

/** Collects a topic's committed records until `enough` says so, then a while longer to catch what should not come. */
async function collect(
  topic: string,
  enough: (records: readonly IncomingRecord[]) => boolean,
  longerMs = 1_000,
): Promise<IncomingRecord[]> {
  const records: IncomingRecord[] = [];
  const done = Promise.withResolvers<void>();
  const consumer = await openConsumer(as('hub'), {
    groupId: `hub.test.${crypto.randomUUID()}`,
    topics: [topic],
    onBatch: async (batch) => {
      records.push(...batch.records);
      if (enough(records)) done.resolve();
      return undefined;
    },
    onFailed: done.reject,
  });
  try {
    await done.promise;
    await sleep(longerMs);
    return records;
  } catch (error) {
    // A broker that has just started may still be loading its groups.
    if (error instanceof HeadwaterError && error.retryable) return await collect(topic, enough, longerMs);
    throw error;
  } finally {
    await consumer.close();
  }
}

const json = (record: IncomingRecord) => JSON.parse(record.value!.toString());
const logLine = (n: number) => {
  const time = new Date(1_760_000_000_000 + n * 1000).toISOString();
  const clf = `${time.slice(8, 10)}/Oct/2025:${time.slice(11, 19)} +0000`;
  return `10.0.${n % 7}.1 - - [${clf}] "GET /n/${n}?x=1 HTTP/1.1" 200 12 "-" "test" 0.010\n`;
};

test('every line is in web.requests exactly once, through rotations and kills of the source', async () => {
  const log = join(dir, 'access.log');
  const total = 4_000;
  const config = SourcesConfig.parse({ web: [{ name: 'shop', file: log }] });
  const argv = JSON.stringify({ kafka: as('sources'), config });
  const start = () => spawn(process.execPath, [PROCESS, argv], { stdio: ['pipe', 'ignore', 'inherit'] });
  const kill = async (child: ChildProcess) => {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };

  // What was rotated before a source first ran is not its business, so it must have begun.
  appendFileSync(log, logLine(1));
  let child = start();
  await collect(TOPICS.webRequests.name, (all) => all.length > 0, 0);
  let generation = 0;
  const writing = (async () => {
    for (let n = 2; n <= total; n++) {
      appendFileSync(log, logLine(n));
      if (n % 900 === 0) {
        for (let g = generation; g > 0; g--) renameSync(`${log}.${g}`, `${log}.${g + 1}`);
        renameSync(log, `${log}.1`);
        generation++;
        writeFileSync(log, '');
      }
      if (n % 5 === 0) await sleep(5);
    }
  })();
  const killing = (async () => {
    // Different waits, so that the kills fall before, within and after the source's transactions.
    for (const ms of [1_300, 2_170, 1_710, 2_430]) {
      await sleep(ms);
      await kill(child);
      child = start();
    }
  })();
  try {
    await Promise.all([writing, killing]);
    const records = await collect(TOPICS.webRequests.name, (all) => all.length >= total);
    const numbers = records.map((record) => Number(json(record).path.slice('/n/'.length))).sort((a, b) => a - b);
    expect(numbers).toEqual(Array.from({ length: total }, (_, i) => i + 1));
    expect(records.every((record) => record.key === json(record).clientIp)).toBe(true);
  } finally {
    await kill(child);
  }
});

test('transactions go to their topic, what is not one to the dead letters with its place in the file', async () => {
  const file = join(dir, 'transactions.jsonl');
  const good = {
    id: 't1',
    account: 'acc-1',
    counterparty: 'Tea & Co',
    amount: '12.50',
    currency: 'EUR',
    type: 'card',
    ts: 1_760_000_000_000,
  };
  const lines = [JSON.stringify(good), 'not json', JSON.stringify({ ...good, amount: 12.5 }), ''];
  writeFileSync(file, lines.join('\n'));
  const sources = startSources(SourcesConfig.parse({ transactions: [{ file }] }), { kafka: as('sources'), log: quiet });
  try {
    const records = await collect(TOPICS.transactions.name, (all) => all.length >= 1);
    expect(records.map((record) => [record.key, json(record)])).toEqual([['acc-1', good]]);
    const letters = await collect(TOPICS.deadLetters.name, (all) => all.length >= 2);
    const second = lines[0]!.length + 1;
    expect(letters.map(json)).toMatchObject([
      { origin: `log:${file}@${second}`, code: 'JSON_INVALID', bytes: Buffer.from('not json').toString('base64') },
      { origin: `log:${file}@${second + 9}`, code: 'TRANSACTION_INVALID', reason: expect.stringContaining('amount') },
    ]);
    expect(sources.status()).toMatchObject([{ state: 'ok', records: 1, deadLetters: 2 }]);
  } finally {
    await sources.close();
  }
});

test('the devices topic follows the registry file: written, changed and removed entries', async () => {
  const file = join(dir, 'devices.yaml');
  writeFileSync(
    file,
    '- {id: mc-1, site: roof, type: climate}\n- {id: mc-2, site: roof, type: climate}\n- {id: "?"}\n',
  );
  const sources = startSources(SourcesConfig.parse({ devices: { file } }), { kafka: as('sources'), log: quiet });
  try {
    await collect(TOPICS.devices.name, (all) => all.length >= 2, 0);
    writeFileSync(file, '- {id: mc-1, site: cellar, type: climate}\n');
    const records = await collect(TOPICS.devices.name, (all) => all.length >= 4);
    const latest = new Map(records.map((record) => [record.key, record.value && json(record)]));
    expect(Object.fromEntries(latest)).toEqual({
      'mc-1': { id: 'mc-1', site: 'cellar', type: 'climate' },
      'mc-2': null,
    });
    const letters = await collect(TOPICS.deadLetters.name, (all) => all.some((r) => r.key === `file:${file}`), 0);
    expect(letters.map(json)).toContainEqual(expect.objectContaining({ origin: `file:${file}#2` }));
  } finally {
    await sources.close();
  }
});
