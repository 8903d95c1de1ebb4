import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { headwater } from '../cli/support.ts';
import { provision } from '../hub/topics/index.ts';
import { freePorts, openAuthority, type RunningProcess, startProcess, startTestKafka } from '../infra/local/index.ts';
import { inProcess } from './cluster.ts';
import type { Load, LoadAnswer } from './mqtt-load.ts';
import { print, readSettings, round } from './settings.ts';

/**
 * MQTT QoS 1 through a whole gateway process: acknowledged after the sync, and forwarded to a real broker. `forward=0`: Kafka is away, and the
 * buffer keeps everything.
 */
export async function run(args: string[]): Promise<void> {
  const settings = readSettings(args, { messages: 300_000, clients: 10, window: 500, forward: 1 });
  const dir = mkdtempSync(join(tmpdir(), 'headwater-bench-'));
  const kafka = settings.forward === 0 ? await noKafka(dir) : await startKafka();
  let gateway: RunningProcess | undefined;
  try {
    const [mqttPort, httpPort] = (await freePorts(2)) as [number, number];
    const config = join(dir, 'gateway.yaml');
    const passwordFile = join(dir, 'devices.password');
    writeFileSync(passwordFile, 'bench', { mode: 0o600 });
    writeFileSync(
      config,
      stringify({
        gateway: { id: 'bench', site: 'bench' },
        buffer: { dir: join(dir, 'buffer') },
        kafka: kafka.settings,
        inputs: { mqtt: { port: mqttPort, accounts: [{ username: 'bench', passwordFile, publish: ['devices/#'] }] } },
        http: { port: httpPort },
      }),
    );
    gateway = await startProcess({
      name: 'gateway',
      ...headwater(['gateway', 'run', '--config', config]),
      readyWhen: (line) => line.includes('"msg":"listening"'),
    });
    const idleMb = await gateway.rss();
    const before = await figures(httpPort);
    const startedAt = performance.now();
    const load: Load = { port: mqttPort, username: 'bench', password: 'bench', ...settings };
    const sent = await inProcess<LoadAnswer>('./mqtt-load.ts', load);
    let after = await figures(httpPort);
    while (settings.forward !== 0 && after.forwarded < sent.acknowledged) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      after = await figures(httpPort);
    }
    const seconds = (performance.now() - startedAt) / 1000;
    await gateway.rss();
    print({
      bench: 'ingest',
      messagesPerSecond: Math.round(sent.acknowledged / sent.seconds),
      ...(settings.forward !== 0 && { forwardedPerSecond: Math.round(after.forwarded / seconds) }),
      cpuSeconds: round(after.cpuSeconds - before.cpuSeconds, 2),
      microsecondsPerMessage: round(((after.cpuSeconds - before.cpuSeconds) / sent.acknowledged) * 1e6, 1),
      rssMb: Math.round(gateway.peakRss()),
      idleRssMb: Math.round(idleMb),
      ...settings,
    });
  } finally {
    await gateway?.stop();
    await kafka.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

interface BenchKafka {
  /** Section `kafka` of the gateway's configuration. */
  readonly settings: object;
  close(): Promise<void>;
}

async function startKafka(): Promise<BenchKafka> {
  const kafka = await startTestKafka();
  const admin = kafka.users.get('admin')!;
  await provision({ brokers: kafka.bootstrap, clientId: 'bench', ca: kafka.ca, ...admin }, 1);
  const { username, passwordFile } = kafka.users.get('gateway')!;
  const settings = { brokers: kafka.bootstrap, caFile: kafka.caPath, username, passwordFile };
  return { settings, close: () => kafka.close() };
}

/** A broker that nobody reaches. */
async function noKafka(dir: string): Promise<BenchKafka> {
  const { caPath } = await openAuthority(join(dir, 'pki'));
  const passwordFile = join(dir, 'kafka.password');
  writeFileSync(passwordFile, 'none', { mode: 0o600 });
  const [port] = await freePorts(1);
  return { settings: { brokers: [`127.0.0.1:${port}`], caFile: caPath, passwordFile }, async close() {} };
}

async function figures(port: number): Promise<{ forwarded: number; cpuSeconds: number }> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const value = (name: string) => Number(new RegExp(`^${name}(?:{[^}]*})? (\\S+)`, 'm').exec(text)?.[1] ?? Number.NaN);
  return {
    forwarded: value('headwater_gateway_readings_forwarded_total'),
    cpuSeconds: value('process_cpu_seconds_total'),
  };
}
