/** What a platform says of itself: Prometheus, `platform.health`, the page's figures and the alerts that follow, over a real cluster. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import kafkajs from 'kafkajs';
import pino from 'pino';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { stringify } from 'yaml';
import { type Alert, decode, Health, TOPICS, type Transaction } from '../../contract/index.ts';
import { loadHubConfig } from '../../hub/config/index.ts';
import { HUB_METRICS, type Hub, runHub } from '../../hub/main.ts';
import { openReceiver, type Receiver } from '../../hub/testing/index.ts';
import { provision } from '../../hub/topics/index.ts';
import { openAuthority } from '../../infra/local/index.ts';
import { openSilences, toldTo } from '../support/alert-hubs.ts';
import { collect, openTestBed, send, type TestBed, until } from '../support/testbed.ts';

// Brokers may take half a minute to start.
vi.setConfig({ testTimeout: 600_000 });

let dir: string;
let bed: TestBed;
let hub: Hub;
let receiver: Receiver;
let health: Awaited<ReturnType<typeof collect>>;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'headwater-observed-'));
  [bed, receiver] = await Promise.all([openTestBed(3), openReceiver()]);
  await provision(bed.as('admin'), 3);
  const config = {
    hub: { id: 'hub-1', dataDir: dir },
    kafka: {
      brokers: [...bed.cluster.bootstrap],
      caFile: bed.cluster.caPath,
      passwordFiles: Object.fromEntries(
        ['hub', 'sources', 'page'].map((user) => [user, bed.cluster.users.get(user)!.passwordFile]),
      ),
    },
    alerts: {
      ...{ groupWait: '1s', groupInterval: '1s' },
      channels: [{ name: 'hook', kind: 'webhook', url: receiver.url, match: ['rule=device-silent'] }],
    },
    health: { askBrokers: '5s' },
    page: { port: 0 },
    sources: { transactions: [{ name: 'bank', file: join(dir, 'transactions.jsonl') }] },
  };
  writeFileSync(join(dir, 'hub.yaml'), stringify(config));
  writeFileSync(join(dir, 'transactions.jsonl'), `${transactions(0, 50).join('\n')}\nno JSON\n`);
  hub = await runHub(loadHubConfig(join(dir, 'hub.yaml')), pino({ level: 'silent' }));
  health = await collect(bed, TOPICS.health.name);
});
afterAll(async () => {
  await hub?.close();
  await receiver?.close();
  await health?.close();
  await bed?.close();
  rmSync(dir, { recursive: true, force: true });
});

const transactions = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) =>
    JSON.stringify({
      id: `t${from + i}`,
      account: `a${i % 7}`,
      counterparty: 'shop',
      amount: '-12.50',
      currency: 'CHF',
      type: 'card',
      ts: Date.now(),
    } satisfies Transaction),
  );

const told = (process: string): Health[] =>
  health.records.filter(({ key }) => key === process).map(({ value }) => Health.parse(decode(value)));
const lastOf = (process: string) => told(process).at(-1);
const scrape = async () => (await fetch(`${hub.page}metrics`)).text();
async function metric(name: string): Promise<number | undefined> {
  const line = (await scrape()).split('\n').find((text) => text.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}

function promtool(text: string): Promise<string> {
  return new Promise((resolve) => {
    const child = execFile('promtool', ['check', 'metrics'], (error, stdout, stderr) =>
      resolve(error ? `${stdout}${stderr}` || error.message : ''),
    );
    child.stdin!.end(text);
  });
}

test('a hub tells Prometheus of all its parts, by the names of its reference, and promtool finds nothing wrong', async () => {
  await until('every step runs', 240, async () => !/headwater_hub_step_up\{[^}]*\} 0/.test(await scrape()));
  await until('the brokers were asked', 240, async () => (await metric('headwater_kafka_partitions')) !== undefined);
  await until('the source carries its file', 240, async () =>
    (await scrape()).includes('headwater_hub_source_lag_bytes{source="bank"} 0'),
  );
  const text = await scrape();
  const told = Array.from(text.matchAll(/^# TYPE (headwater_\w+) (\w+)$/gm), ([, name, type]) => `${name} ${type}`);
  const declared = HUB_METRICS.map(({ name, type }) => `${name} ${type}`);
  expect(told.filter((metric) => !declared.includes(metric))).toEqual([]);
  // This hub stores nothing outside.
  const silent = declared.filter((metric) => !told.includes(metric));
  expect(silent.filter((metric) => !/^headwater_(hub_influx|hub_connect|platform_connect)_/.test(metric))).toEqual([]);
  expect(await promtool(text)).toBe('');
  for (const broker of ['1', '2', '3'])
    expect(text).toMatch(new RegExp(`^headwater_kafka_broker_disk_free_bytes\\{broker="${broker}"\\} [1-9]`, 'm'));
  expect(text).toContain('headwater_kafka_under_replicated_partitions 0\n');
  expect(text).toContain('headwater_hub_source_records_total{source="bank"} 50\n');
  expect(text).toContain('headwater_hub_source_dead_letters_total{source="bank"} 1\n');
  expect(text).toMatch(/^headwater_hub_certificate_expiry_timestamp_seconds\{certificate="kafka_broker"\} 1\.?\d+/m);
  expect(text).toMatch(/^process_resident_memory_bytes \d+/m);
  await until('the store counts the dead letter', 240, async () =>
    /^headwater_platform_dead_letters_total\{code="\w+"\} 1$/m.test(await scrape()),
  );
});

test('platform.health has a hub’s lag, disk and certificates, and those of each broker, in fields that rules can read', async () => {
  const all = ['hub-1', 'kafka-1', 'kafka-2', 'kafka-3'];
  await until('all have spoken of their certificates', 240, () =>
    all.every((name) => lastOf(name)?.certificate === 'kafka_broker'),
  );
  await until('a group has read', 240, () => lastOf('hub-1')!.lagMaxOf !== undefined);
  const year = 300 * 86_400_000;
  expect(lastOf('hub-1')).toMatchObject({ kind: 'hub', lagMaxOf: expect.stringContaining('/') });
  for (const name of all) {
    const { certificateDaysLeft, certificateExpiresAt, diskFreeBytes } = lastOf(name)!;
    expect(diskFreeBytes).toBeGreaterThan(0);
    expect(certificateDaysLeft).toBeGreaterThan(300);
    expect(certificateExpiresAt! - Date.now()).toBeGreaterThan(year);
  }
  expect(lastOf('kafka-2')!.counts).toMatchObject({ up: 1, outOfSync: 0, offlinePartitions: 0 });
  expect(lastOf('kafka-2')!.counts.replicas).toBeGreaterThan(100);
});

test('the lag of a reader that stands still grows and shows in platform.health, on the page and in the metrics', async () => {
  const name = 'hub.finance/finance.transactions';
  const topic = TOPICS.transactions.name;
  const committed = () => bed.admin.lag(['hub.finance']);
  await until('the step was committed once', 240, async () => Object.hasOwn(await committed(), name));
  const acl = {
    resourceType: kafkajs.AclResourceTypes.TOPIC,
    resourceName: 'hub.finance.state',
    resourcePatternType: kafkajs.ResourcePatternTypes.LITERAL,
    principal: 'User:hub',
    host: '*',
    operation: kafkajs.AclOperationTypes.WRITE,
    permissionType: kafkajs.AclPermissionTypes.DENY,
  };
  await bed.admin.raw.createAcls({ acl: [acl] });
  let sent = 1_000;
  const more = () => {
    const values = transactions(sent, 300).map((value, i) => ({ key: `a${i % 7}`, value }));
    sent += 300;
    return send(bed, 'sources', topic, values);
  };
  // Until every broker has heard that the right is gone, commits succeed.
  await until('a commit is refused', 240, async () => {
    await more();
    return Number(await metric('headwater_hub_step_restarts_total{step="finance"}')) > 0;
  });
  const standing = () => lastOf('hub-1')?.lag[name] ?? 0;
  await until('some lag', 240, () => standing() >= 300);
  let before = standing();
  await more();
  await until('more lag', 240, async () => {
    // A transaction that had written before the right was gone may still be committed, and takes some of the lag away.
    if (standing() < before) {
      before = standing();
      await more();
      await more();
    }
    return standing() >= Math.max(before + 300, 600);
  });
  expect(lastOf('hub-1')!.lagMax).toBeGreaterThanOrEqual(600);
  const labels = `{group="hub.finance",topic="${topic}"}`;
  expect(await metric(`headwater_platform_consumer_lag_records${labels}`)).toBeGreaterThanOrEqual(600);
  await until('the page shows it', 240, async () => {
    const { lag } = (await (await fetch(`${hub.page}api/summary`)).json()) as {
      lag: { most: number; of: string } | null;
    };
    return lag !== null && lag.most >= 600 && lag.of === name;
  });
  await bed.admin.raw.deleteAcls({ filters: [acl] });
  await until(
    'it has caught up',
    240,
    async () => (await metric(`headwater_platform_consumer_lag_records${labels}`)) === 0,
  );
});

test('a silence from the command line holds an alert back from a channel, shows on the page, and when it is over the alert is told', async () => {
  const iot = await openSilences(bed.as('admin'));
  const told = () => toldTo(receiver.received).flatMap(({ alerts }) => alerts.map(({ series }) => series));
  const toldAt = (series: string) =>
    toldTo(receiver.received).find(({ alerts }) => alerts.some((alert) => alert.series === series))!.ts;
  try {
    const lifted = await silence('gateway=gw-quiet', '--for', '1h', '--comment', 'works on the roof');
    await until('the page has it', 60, async () => (await page()).silences.some(({ id }) => id === lifted.id));
    await iot.devices('silent', 'gw-quiet', ['a']);
    const onPage = async () => (await page()).alerts.find(({ series }) => series === 'gw-quiet/a');
    await until('the page shows it as silenced', 60, async () => (await onPage())?.held !== undefined);
    expect(await onPage()).toMatchObject({ state: 'firing', held: { by: 'silence', id: lifted.id } });
    // Whatever comes later is told: this one was looked at, too.
    await iot.devices('silent', 'gw-loud', ['b']);
    await until('the other is told', 60, () => told().includes('gw-loud/b'));
    expect(told()).not.toContain('gw-quiet/a');
    const ended = await silence('--end', lifted.id);
    expect(ended.end).toBeLessThan(lifted.end);
    await until('it is told', 60, () => told().includes('gw-quiet/a'));
    expect(await onPage()).not.toHaveProperty('held');

    const short = await silence('gateway=gw-short', '--for', '15s', '--comment', 'a short one');
    await iot.devices('silent', 'gw-short', ['c']);
    await until('it is told', 120, () => told().includes('gw-short/c'));
    expect(toldAt('gw-short/c')).toBeGreaterThanOrEqual(short.end);
  } finally {
    await iot.close();
  }
});

interface Page {
  readonly alerts: readonly { series: string; state: string; held?: { by: string; id: string } }[];
  readonly silences: readonly { id: string }[];
}
const page = async () => (await (await fetch(`${hub.page}api/alerting?limit=500`)).json()) as Page;

/** As `headwater alerts silence` on the hub's machine. */
async function silence(...args: string[]): Promise<{ id: string; end: number }> {
  const launch = fileURLToPath(new URL('../../cli/launch.mjs', import.meta.url));
  const command = [launch, 'alerts', 'silence', ...args, '--url', hub.page, '--json'];
  return JSON.parse((await promisify(execFile)(process.execPath, command)).stdout);
}

test('a broker that dies leaves replicas out of sync, which shows by broker; its certificate near its end raises an alert, weeks ahead, and one renewed resolves it', async () => {
  const alerts = await collect(bed, TOPICS.alerts.name);
  const states = () =>
    alerts.records
      .map(({ value }) => decode(value) as Alert)
      .filter(({ rule, series }) => rule === 'certificate-expires-soon' && series === 'kafka-3')
      .map(({ state }) => state);
  try {
    bed.cluster.nodes[2]!.kill('SIGKILL');
    await until('it is missed', 240, () => lastOf('kafka-3')?.counts.up === 0);
    expect(lastOf('kafka-3')!.counts.outOfSync).toBeGreaterThan(100);
    expect(lastOf('kafka-1')!.counts).toMatchObject({ up: 1, outOfSync: 0 });
    expect(await metric('headwater_kafka_under_replicated_partitions')).toBeGreaterThan(100);
    expect(await metric('headwater_kafka_broker_up{broker="3"}')).toBe(0);
    await renew(3, 10);
    await until('it is back in sync, and the platform went on', 240, () => {
      const counts = lastOf('kafka-3')?.counts;
      return counts?.up === 1 && counts.outOfSync === 0;
    });
    await until('it fires', 240, () => states().includes('firing'));
    expect(lastOf('kafka-3')!.certificateDaysLeft).toBeCloseTo(10, 0);
    await renew(3, 300);
    await until('it is over', 240, () => states().at(-1) === 'resolved');
  } finally {
    await alerts.close();
  }
});

/** Gives a broker another certificate, and starts it again with it. */
async function renew(id: number, days: number): Promise<void> {
  const pki = dirname(bed.cluster.caPath);
  for (const ending of ['pem', 'key', 'bundle.pem']) rmSync(join(pki, `broker-${id}.${ending}`));
  const authority = await openAuthority(pki);
  await authority.issue({
    name: `broker-${id}`,
    dns: ['localhost'],
    ips: ['127.0.0.1', '::1'],
    server: true,
    client: true,
    days,
  });
  await bed.cluster.nodes[id - 1]!.restart();
}
