import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync } from 'mqtt';
import { stringify } from 'yaml';
import { provision } from '../hub/topics/index.ts';
import { freePorts, startProcess, startTestKafka } from '../infra/local/index.ts';
import { builtBinary, type GatewayProgram, SOURCE, unitEnvironment } from './gateway-program.ts';
import { print, readSettings, round } from './settings.ts';

type Settings = { quietSeconds: number; devices: number; rate: number; warmUpSeconds: number; seconds: number };

/** What a gateway with little to do costs: from the sources and, where `npm run package` has built it, as the single binary. */
export async function run(args: string[]): Promise<void> {
  const settings = readSettings(args, { quietSeconds: 30, devices: 10, rate: 100, warmUpSeconds: 20, seconds: 30 });
  await measure(SOURCE, settings);
  const binary = builtBinary();
  if (binary) await measure(binary, settings);
}

async function measure({ program, command }: GatewayProgram, settings: Settings): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-bench-'));
  const kafka = await startTestKafka();
  let kafkaRuns = true;
  try {
    const admin = kafka.users.get('admin')!;
    await provision({ brokers: kafka.bootstrap, clientId: 'bench', ca: kafka.ca, ...admin }, 1);
    const [mqttPort, httpPort] = (await freePorts(2)) as [number, number];
    const config = join(dir, 'gateway.yaml');
    const { username, passwordFile } = kafka.users.get('gateway')!;
    writeFileSync(
      config,
      stringify({
        gateway: { id: 'bench', site: 'bench' },
        buffer: { dir: join(dir, 'buffer') },
        kafka: { brokers: kafka.bootstrap, caFile: kafka.caPath, username, passwordFile },
        inputs: { mqtt: { port: mqttPort, anonymous: true }, host: { every: '10s' } },
        http: { port: httpPort },
      }),
    );
    const startedAt = performance.now();
    const gateway = await startProcess({
      name: 'gateway',
      ...command(['gateway', 'run', '--config', config]),
      env: unitEnvironment(),
      readyWhen: (line) => line.includes('"msg":"listening"'),
    });
    try {
      const readyMs = performance.now() - startedAt;
      await sleep(settings.quietSeconds * 1000);
      const idle = memory(gateway.pid);
      await using load = await startLoad(mqttPort, settings);
      await sleep(settings.warmUpSeconds * 1000);
      const [before, sentBefore] = [cpuSeconds(gateway.pid), load.acknowledged()];
      await sleep(settings.seconds * 1000);
      const used = cpuSeconds(gateway.pid) - before;
      const sent = load.acknowledged() - sentBefore;
      await load[Symbol.asyncDispose]();
      const loaded = memory(gateway.pid);
      kafkaRuns = false;
      await kafka.close();
      const stoppedAt = performance.now();
      await gateway.stop(30_000);
      print({
        bench: 'idle',
        program,
        rssMb: idle.rss,
        privateMb: idle.private,
        readyMs: round(readyMs),
        cpuShare: round(used / settings.seconds, 4),
        readingsPerSecond: round(sent / settings.seconds, 1),
        rssMbUnderLoad: loaded.rss,
        stopMsWithoutKafka: round(performance.now() - stoppedAt),
        cpuSeconds: round(used, 2),
        ...settings,
      });
    } finally {
      await gateway.stop();
    }
  } finally {
    if (kafkaRuns) await kafka.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

interface Load extends AsyncDisposable {
  acknowledged(): number;
}

/** Devices that together send `rate` readings a second, each in a message of its own and at its own moment, until disposed. */
async function startLoad(port: number, { devices, rate }: Settings): Promise<Load> {
  const ids = Array.from({ length: devices }, (_, n) => `device-${n}`);
  const clients = await Promise.all(ids.map((clientId) => connectAsync(`mqtt://127.0.0.1:${port}`, { clientId })));
  let acknowledged = 0;
  let sent = 0;
  let ended = false;
  const sending = (async () => {
    for (const from = performance.now(); !ended; ) {
      for (const due = ((performance.now() - from) / 1000) * rate; sent < due; sent++) {
        const device = sent % devices;
        void clients[device]!.publishAsync(`devices/${ids[device]}/temperature`, String(20 + (sent % 50) / 10), {
          qos: 1,
        }).then(() => acknowledged++);
      }
      await sleep(Math.max(1, (sent / rate) * 1000 - (performance.now() - from)));
    }
  })();
  return {
    acknowledged: () => acknowledged,
    async [Symbol.asyncDispose]() {
      if (ended) return;
      ended = true;
      await sending;
      await Promise.all(clients.map((client) => client.endAsync()));
    },
  };
}

/** Resident memory in MB, and the part that no other process shares: the program's own code is not in it. */
function memory(pid: number): { rss: number; private: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const mb = (name: string) => Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(text)?.[1]) / 1024;
  return { rss: round(mb('Rss'), 1), private: round(mb('Private_Dirty'), 1) };
}

/** All threads, in user and system. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /, '').split(' ');
  // Clock ticks are 10 ms on every Linux that Node runs on.
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
