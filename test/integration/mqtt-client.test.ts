import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterEach, describe, expect, test } from 'vitest';
import { headwater } from '../../cli/support.ts';
import type { GatewayStatus } from '../../contract/index.ts';
import { type GatewayConfig, loadGatewayConfig } from '../../gateway/config/index.ts';
import {
  findMosquitto,
  freePorts,
  type Mosquitto,
  openAuthority,
  type RunningProcess,
  startMosquitto,
  startProcess,
} from '../../infra/local/index.ts';
import { seeded } from '../../simulators/random/index.ts';
import { storedReadings } from '../support/stored.ts';
import { until } from '../support/testbed.ts';

// A whole gateway as client of a real mosquitto, both killed; counted by what mosquitto acknowledged to the devices.

const SEED = Number(process.env.HEADWATER_FAULT_SEED ?? Math.floor(Math.random() * 1e6));
const KILLS = 8;

const closers: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Site {
  readonly mosquitto: Mosquitto;
  readonly config: GatewayConfig;
  readonly login: { readonly username: string; readonly password: string; readonly ca: string };
  start(): Promise<void>;
  kill(): Promise<void>;
  status(): Promise<GatewayStatus>;
}

async function site(qos: 1 | 2): Promise<Site> {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-mqtt-client-'));
  closers.push(() => rmSync(dir, { recursive: true }));
  const authority = await openAuthority(join(dir, 'pki'));
  const tls = await authority.issue({ name: 'broker', dns: ['localhost'], server: true });
  const mosquitto = await startMosquitto({
    dir: join(dir, 'mosquitto'),
    tls: { ...tls, caPath: authority.caPath },
    users: { gateway: 'secret', devices: 'secret' },
    settings: ['max_queued_messages 0', 'set_tcp_nodelay true'],
  });
  closers.push(() => mosquitto.stop());
  const [nobody, httpPort] = (await freePorts(2)) as [number, number];
  const file = join(dir, 'gateway.yaml');
  writeFileSync(join(dir, 'password'), 'secret');
  writeFileSync(
    file,
    `
gateway: { id: gw-1, site: plant }
buffer: { dir: buffer }
kafka: { brokers: ["127.0.0.1:${nobody}"], caFile: pki/ca.pem, passwordFile: password }
inputs:
  mqttClients:
    - name: hall
      url: ${mosquitto.url}
      username: gateway
      passwordFile: password
      caFile: pki/ca.pem
      topics: [{ filter: "devices/#", qos: ${qos} }]
http: { port: ${httpPort} }
`,
  );
  let running: RunningProcess | undefined;
  const kill = async () => {
    running?.kill('SIGKILL');
    await running?.exited;
  };
  closers.push(kill);
  return {
    mosquitto,
    config: loadGatewayConfig(file, {}),
    login: { username: 'devices', password: 'secret', ca: authority.ca },
    async start() {
      running = await startProcess({
        name: 'gateway',
        ...headwater(['gateway', 'run', '--config', file]),
        readyWhen: (line) => line.includes('"msg":"listening"'),
      });
    },
    kill,
    status: async () => (await (await fetch(`http://127.0.0.1:${httpPort}/status`)).json()) as GatewayStatus,
  };
}

/** A device that numbers its messages, or that leaves telling repeats to MQTT. */
interface Device {
  readonly acknowledged: string[];
  /** Sends as many, some at a time. */
  send(count: number): Promise<void>;
}

async function device({ mosquitto, login }: Site, name: string, numbered: boolean, qos: 1 | 2): Promise<Device> {
  const client: MqttClient = await connectAsync(mosquitto.url, { ...login, clientId: name, reconnectPeriod: 200 });
  client.on('error', () => {});
  closers.push(() => client.endAsync(true));
  const acknowledged: string[] = [];
  let n = 0;
  const sendOne = async () => {
    const number = ++n;
    const own = numbered ? { boot: 'aaaa', n: number } : {};
    await client.publishAsync(`devices/${name}`, JSON.stringify({ ...own, values: { x: number } }), { qos });
    acknowledged.push(`${name} ${number}`);
  };
  return {
    acknowledged,
    async send(count) {
      for (let sent = 0; sent < count; sent += 20) await Promise.all(Array.from({ length: 20 }, sendOne));
    },
  };
}

/** Compares what the gateway has with what the devices were told is safe, once nothing more comes; gives what is missing another chance to come. */
async function settle(its: Site, devices: readonly Device[]) {
  const acknowledged = devices.flatMap((device) => device.acknowledged);
  for (const deadline = Date.now() + 60_000; ; ) {
    await nothingMore(its);
    await its.kill();
    const stored = (await storedReadings(its.config)).map(({ device, value }) => `${device} ${value}`);
    const [kept, twice] = [new Set<string>(), [] as string[]];
    for (const name of stored) {
      if (kept.has(name)) twice.push(name);
      kept.add(name);
    }
    const lost = acknowledged.filter((name) => !kept.has(name));
    if (lost.length === 0 || Date.now() > deadline) return { lost, twice, acknowledged: acknowledged.length };
    await its.start();
  }
}

async function nothingMore(its: Site): Promise<void> {
  let before = -1;
  await until('nothing more comes', 90, async () => {
    await sleep(2_000);
    const { backlog, inputs } = await its.status();
    const over = backlog.readings === before && inputs[0]?.state === 'ok';
    before = backlog.readings;
    return over;
  });
}

describe.skipIf(findMosquitto('mosquitto') === undefined)('as client of mosquitto', () => {
  test.each([1, 2] as const)(
    'kill -9 of the gateway loses nothing and counts nothing twice, at QoS %s',
    async (qos) => {
      const random = seeded(SEED);
      const its = await site(qos);
      await its.start();
      const devices = await Promise.all(
        ['n1', 'n2', 'p1', 'p2'].map((name) => device(its, name, name.startsWith('n'), qos)),
      );
      await until('subscribed', 20, async () => (await its.status()).inputs[0]?.state === 'ok');
      let over = false;
      const sending = devices.map(async (one) => {
        while (!over) await one.send(20).then(() => sleep(20));
      });
      for (let kill = 0; kill < KILLS; kill++) {
        await sleep(random.between(100, 900));
        await its.kill();
        await its.start();
      }
      over = true;
      await Promise.all(sending);
      const ledger = await settle(its, devices);
      console.log(JSON.stringify({ seed: SEED, qos, kills: KILLS, ...ledger }));
      expect(ledger).toMatchObject({ lost: [], twice: [] });
      expect(ledger.acknowledged).toBeGreaterThan(1_000);
    },
  );

  test('kill -9 of mosquitto, with what it had saved still to be delivered, loses nothing of it', async () => {
    const its = await site(1);
    await its.start();
    await until('subscribed', 20, async () => (await its.status()).inputs[0]?.state === 'ok');
    await its.kill();
    const [numbered, plain] = await Promise.all([device(its, 'n1', true, 1), device(its, 'p1', false, 1)]);
    await Promise.all([numbered.send(3_000), plain.send(3_000)]);
    // What mosquitto has acknowledged and not yet saved is lost with it, whoever its clients are.
    await its.mosquitto.save();
    const killed = (async () => {
      await until('some are delivered', 30, async () => {
        return ((await its.status().catch(() => undefined))?.backlog.readings ?? 0) > 0;
      });
      await its.mosquitto.kill();
      await sleep(500);
      await its.mosquitto.start();
    })();
    await its.start();
    await killed;
    const { lost, twice } = await settle(its, [numbered, plain]);
    expect(lost).toEqual([]);
    // It does not remember which it had sent: what has no number of its own may come again as if it were new.
    expect(twice.filter((name) => name.startsWith('n1'))).toEqual([]);
  });
});
