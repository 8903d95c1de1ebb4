import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AlertChannel, type DeadLetter, encode, type Notification } from '../../contract/index.ts';
import { openReceiver, type Receiver } from '../../hub/testing/index.ts';
import { provision } from '../../hub/topics/index.ts';
import { freePorts } from '../../infra/local/index.ts';
import { type AlertHub, allReady, channel, openSilences, startAlertHub, toldTo } from '../support/alert-hubs.ts';
import { collect, openTestBed, send, type TestBed, until } from '../support/testbed.ts';

const times = { groupWaitMs: 2_000, groupIntervalMs: 2_000, repeatMs: 3_600_000 };
const alertmanager = spawnSync('which', ['prometheus-alertmanager']).status === 0;

let bed: TestBed;
let all: Receiver;
let picky: Receiver;
let manager: { url: string; heard: Receiver; close(): Promise<void> } | undefined;
let silences: Awaited<ReturnType<typeof openSilences>>;
let hubs: AlertHub[] = [];

beforeAll(async () => {
  bed = await openTestBed();
  await provision(bed.as('admin'), 1);
  [all, picky] = await Promise.all([openReceiver(), openReceiver()]);
  if (alertmanager) manager = await startAlertmanager();
  silences = await openSilences(bed.as('admin'));
  const channels = [
    channel({ name: 'all', url: all.url }),
    channel({ name: 'picky', url: picky.url, severities: ['critical'] }),
    ...(manager ? [channel({ name: 'manager', kind: 'alertmanager', url: manager.url })] : []),
  ];
  hubs = ['hub-1', 'hub-2', 'hub-3'].map((process) => startAlertHub(bed, { process, times, channels }));
  await allReady(hubs);
  await until('every channel is told', 60, async () => (await states()).size === channels.length);
});
afterAll(async () => {
  await Promise.all(hubs.map((hub) => hub.close()));
  await Promise.all([silences?.close(), all?.close(), picky?.close(), manager?.close()]);
  await bed?.close();
});

/** How each channel last said to fare. */
async function states(): Promise<Map<string, AlertChannel>> {
  const told = await collect(bed, 'alert-channels');
  const records = await told.toEnd();
  await told.close();
  return new Map(records.map(({ key, value }) => [key!, AlertChannel.parse(JSON.parse(String(value)))]));
}

const seriesOf = (receiver: Receiver, state: string, rule = '') =>
  toldTo(receiver.received)
    .flatMap(({ alerts }) => alerts.filter((alert) => alert.state === state && alert.rule.startsWith(rule)))
    .map(({ series }) => series);
const devices = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `d${from + i}`);
const named = (gateway: string, names: string[]) => names.map((name) => `${gateway}/${name}`);

test('with three hubs, groups are whole and what follows from a dead gateway is not told', async () => {
  await silences.gateway('silent', 'gw-1');
  await until('the gateway is told', 60, () => seriesOf(all, 'firing').includes('gw-1'));
  // Their alerts are spread over all partitions.
  await silences.devices('silent', 'gw-1', devices(1, 12));
  await silences.devices('silent', 'gw-2', devices(1, 12));
  await until('the other gateway’s devices are told', 60, () => seriesOf(all, 'firing').length >= 13);
  const ofDevices = toldTo(all.received).filter(({ alerts }) => alerts[0]?.rule === 'device-silent');
  expect(ofDevices).toHaveLength(1);
  expect(ofDevices[0]!.alerts.map(({ series }) => series).sort()).toEqual(named('gw-2', devices(1, 12)).sort());
  expect(seriesOf(picky, 'firing')).toEqual(['gw-1']);
});

test('when the gateway is back, what still fires is told, and ends are told', async () => {
  await silences.devices('back', 'gw-1', devices(1, 6));
  await silences.gateway('back', 'gw-1');
  await until('the rest of its devices is told', 60, () => seriesOf(all, 'firing', 'device').length >= 18);
  expect(seriesOf(all, 'firing', 'device').sort()).toEqual(
    [...named('gw-1', devices(7, 12)), ...named('gw-2', devices(1, 12))].sort(),
  );
  await silences.devices('back', 'gw-1', devices(7, 12));
  await silences.devices('back', 'gw-2', devices(1, 12));
  await until('all ends are told', 60, () => seriesOf(all, 'resolved').length >= 19);
  expect(seriesOf(picky, 'resolved')).toEqual(['gw-1']);
});

test('a silence in its topic holds alerts back until it is over', async () => {
  const about = { id: 's1', matchers: [{ label: 'gateway', op: '=', value: 'gw-3' }], comment: 'c', author: 'a' };
  const now = Date.now();
  const silence = (end: number) =>
    send(bed, 'hub', 'alert-silences', [{ key: 's1', value: encode({ ...about, start: now, end, ts: Date.now() }) }]);
  await silence(now + 3_600_000);
  // What comes after it in the topic of everything shows that it was read.
  await silences.devices('silent', 'gw-4', ['x']);
  await until('another is told', 60, () => seriesOf(all, 'firing').includes('gw-4/x'));
  await silences.devices('silent', 'gw-3', ['a']);
  await silences.devices('silent', 'gw-4', ['y']);
  await until('another is told', 60, () => seriesOf(all, 'firing').includes('gw-4/y'));
  expect(seriesOf(all, 'firing')).not.toContain('gw-3/a');
  await silence(Date.now());
  await until('it is told', 60, () => seriesOf(all, 'firing').includes('gw-3/a'));
});

test.runIf(alertmanager)('Alertmanager was told of what fires and of what is over', async () => {
  const heard = () => manager!.heard.received.flatMap(({ body }) => JSON.parse(body).alerts as Heard[]);
  const about = (status: string) => heard().filter((a) => a.status === status);
  await until('it passes on both', 90, () => about('firing').length > 0 && about('resolved').length > 0);
  const gateway = heard().filter(({ labels }) => labels.alertname === 'gateway-without-readings');
  expect(new Set(gateway.map(({ status }) => status))).toEqual(new Set(['firing', 'resolved']));
  expect(gateway[0]!.labels).toMatchObject({ gateway: 'gw-1', site: 'roof', severity: 'critical', series: 'gw-1' });
  const answer = await fetch(`${manager!.url}/api/v2/alerts?active=true`);
  const active = (await answer.json()) as Heard[];
  expect(active.map(({ labels }) => labels.series)).toContain('gw-4/x');
  expect(active.map(({ labels }) => labels.series)).not.toContain('gw-1');
});

test('a channel that is down delays itself alone, and gets all in order when it is up', async () => {
  all.answer = { status: 503 };
  const before = picky.received.length;
  for (const i of [1, 2, 3, 4]) {
    await silences.gateway('silent', `down-${i}`);
    await until('the other channel has it', 60, () => seriesOf(picky, 'firing').includes(`down-${i}`));
  }
  expect(picky.received.length).toBe(before + 4);
  await until('it is known to wait', 60, async () => (await states()).get('all')?.state === 'waiting');
  const attempts = all.received.length;
  all.answer = { status: 200 };
  await until('it has all', 120, () =>
    seriesOf({ ...all, received: all.received.slice(attempts) }, 'firing').includes('down-4'),
  );
  const ids = toldTo(all.received.slice(attempts)).map(({ id }) => id);
  const topic = await collect(bed, 'notifications');
  const told = (await topic.toEnd()).map(({ value }) => JSON.parse(String(value)) as Notification);
  await topic.close();
  expect(ids).toEqual(told.slice(-ids.length).map(({ id }) => id));
  await until('it is known to be well', 60, async () => (await states()).get('all')?.state === 'ready');
});

test('what a receiver will never take is a dead letter, and the next is told', async () => {
  picky.answer = { status: 413, text: 'too large' };
  await silences.gateway('silent', 'large');
  const letters = await collect(bed, 'dead-letters');
  await until('it lies there', 60, () => letters.records.length > 0);
  const letter = JSON.parse(String(letters.records[0]!.value)) as DeadLetter;
  await letters.close();
  expect(letter).toMatchObject({
    code: 'CHANNEL_REFUSED',
    reason: 'alert channel picky: it answered with status 413: too large',
    origin: expect.stringMatching(/^notifications\/0@\d+$/),
  });
  picky.answer = { status: 200 };
  await silences.gateway('silent', 'small');
  await until('the next is told', 60, () => seriesOf(picky, 'firing').includes('small'));
});

interface Heard {
  readonly status: string;
  readonly labels: Record<string, string>;
}

/** Debian's, which passes on what it hears to a web server. */
async function startAlertmanager() {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-alertmanager-'));
  const heard = await openReceiver();
  const [port] = await freePorts(1);
  const config = {
    route: { receiver: 'here', group_by: ['alertname'], group_wait: '1s', group_interval: '1s', repeat_interval: '1h' },
    receivers: [{ name: 'here', webhook_configs: [{ url: heard.url, send_resolved: true }] }],
  };
  writeFileSync(join(dir, 'alertmanager.yml'), JSON.stringify(config));
  const child: ChildProcess = spawn(
    'prometheus-alertmanager',
    [
      `--config.file=${join(dir, 'alertmanager.yml')}`,
      `--storage.path=${join(dir, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--cluster.listen-address=',
    ],
    { stdio: 'ignore' },
  );
  const exited = new Promise((resolve) => child.on('exit', resolve));
  const url = `http://127.0.0.1:${port}`;
  await until('Alertmanager is ready', 60, () =>
    fetch(`${url}/-/ready`).then(
      (a) => a.ok,
      () => false,
    ),
  );
  return {
    url,
    heard,
    async close() {
      child.kill('SIGKILL');
      await exited;
      await heard.close();
      rmSync(dir, { recursive: true });
    },
  };
}
