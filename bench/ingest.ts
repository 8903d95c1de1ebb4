import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { HeadwaterError } from '../contract/index.ts';
import { hashPassword } from '../gateway/inputs/index.ts';
import { provision } from '../hub/topics/index.ts';
import { freePorts, openAuthority, type RunningProcess, startProcess, startTestKafka } from '../infra/local/index.ts';
import { inProcess } from './cluster.ts';
import { builtBinary, SOURCE, unitEnvironment } from './gateway-program.ts';
import type { Load, LoadAnswer } from './mqtt-load.ts';
import { print, readSettings, round } from './settings.ts';

const SAMPLE_MS = 500;
const [USER, PASSWORD] = ['bench', 'bench'];

/**
 * MQTT QoS 1 through a whole gateway process: acknowledged after the sync, and forwarded to a real broker. `forward=0`: Kafka is away, and the
 * buffer keeps everything. `seconds=60`: for a minute, however many that are. `binary=1`: as the single binary that `npm run package` built.
 * `accounts=1`: each client has an account of its own, of which the gateway has the password's hash only.
 * @throws HeadwaterError `USAGE`
 */
export async function run(args: string[]): Promise<void> {
  const defaults = { messages: 300_000, seconds: 0, clients: 10, window: 500, forward: 1, binary: 0, accounts: 0 };
  const settings = readSettings(args, defaults);
  const program = settings.binary === 0 ? SOURCE : builtBinary();
  if (!program) throw new HeadwaterError('USAGE', 'there is no single binary for this machine yet: npm run package');
  const dir = mkdtempSync(join(tmpdir(), 'headwater-bench-'));
  const kafka = settings.forward === 0 ? await noKafka(dir) : await startKafka();
  let gateway: RunningProcess | undefined;
  try {
    const [mqttPort, httpPort] = (await freePorts(2)) as [number, number];
    const config = join(dir, 'gateway.yaml');
    const accounts = settings.accounts === 0 ? [oneAccount(dir)] : await accountEach(settings.clients);
    writeFileSync(
      config,
      stringify({
        gateway: { id: 'bench', site: 'bench' },
        buffer: { dir: join(dir, 'buffer') },
        kafka: kafka.settings,
        inputs: { mqtt: { port: mqttPort, accounts } },
        http: { port: httpPort },
      }),
    );
    gateway = await startProcess({
      name: 'gateway',
      ...program.command(['gateway', 'run', '--config', config]),
      env: unitEnvironment(),
      readyWhen: (line) => line.includes('"msg":"listening"'),
    });
    const idleMb = await gateway.rss();
    const before = await figures(httpPort);
    const startedAt = performance.now();
    const memory: number[] = [];
    const sampling = setInterval(async () => memory.push(await gateway!.rss()), SAMPLE_MS);
    const ownAccounts = settings.accounts !== 0;
    const load: Load = { port: mqttPort, username: USER, password: PASSWORD, ...settings, ownAccounts };
    const sent = await inProcess<LoadAnswer>('./mqtt-load.ts', load);
    clearInterval(sampling);
    let after = await figures(httpPort);
    const behind = sent.acknowledged - after.forwarded;
    while (settings.forward !== 0 && after.forwarded < sent.acknowledged) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      after = await figures(httpPort);
    }
    const seconds = (performance.now() - startedAt) / 1000;
    await gateway.rss();
    print({
      bench: 'ingest',
      messagesPerSecond: Math.round(sent.acknowledged / sent.seconds),
      ...(settings.forward !== 0 && { forwardedPerSecond: Math.round(after.forwarded / seconds), behind }),
      cpuSeconds: round(after.cpuSeconds - before.cpuSeconds, 2),
      microsecondsPerMessage: round(((after.cpuSeconds - before.cpuSeconds) / sent.acknowledged) * 1e6, 1),
      rssMb: Math.round(gateway.peakRss()),
      rssMiddleMb: mean(memory, 0.4, 0.6),
      rssEndMb: mean(memory, 0.9, 1),
      idleRssMb: Math.round(idleMb),
      ...settings,
      messages: sent.acknowledged,
    });
  } finally {
    await gateway?.stop();
    await kafka.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

function oneAccount(dir: string) {
  const passwordFile = join(dir, 'devices.password');
  writeFileSync(passwordFile, PASSWORD, { mode: 0o600 });
  return { username: USER, passwordFile, publish: ['devices/#'] };
}

async function accountEach(clients: number) {
  const passwordHash = await hashPassword(PASSWORD);
  return Array.from({ length: clients }, (_, n) => ({ username: `${USER}-${n + 1}`, passwordHash }));
}

/** Of a part of the samples. */
function mean(samples: readonly number[], from: number, to: number): number {
  const part = samples.slice(Math.floor(samples.length * from), Math.ceil(samples.length * to));
  return Math.round(part.reduce((sum, sample) => sum + sample, 0) / Math.max(1, part.length));
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
