import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KafkaSettings } from '../../../kafka/index.ts';
import type { KafkaCluster } from '../kafka/cluster.ts';
import { startKafka } from '../kafka/start.ts';
import { makePrivateDir } from '../private-files.ts';
import type { ProcessOptions } from '../process/process.ts';
import { type Figures, readFigures } from './figures.ts';
import { deviceAccount, type Ports, type SerialLine, settlePorts, writeSettings } from './settings.ts';
import { type Stores, type StoresOptions, startStores } from './stores.ts';
import { type Program, supervise } from './supervisor.ts';

export interface PlatformOptions {
  /** Everything is kept here. */
  readonly dir: string;
  readonly brokers: 1 | 3;
  /** Of the live page; the one of the last start, else 8800, where it is free; 0 takes any free one. */
  readonly pagePort?: number;
  /** Arguments of `headwater simulate all`, such as how many devices. */
  readonly simulate: readonly string[];
  /** Files with jobs that the hub runs besides its own. */
  readonly jobs?: readonly string[];
  /** How a headwater command is run: its arguments in, what to start out. */
  readonly program: (args: readonly string[]) => Pick<ProcessOptions, 'command' | 'args' | 'env'>;
  /** Makes topics and rights as `admin`. */
  readonly provision: (settings: KafkaSettings, replication: number) => Promise<void>;
  /** Databases that results are stored in. */
  readonly stores?: StoresOptions;
  /** What is being done, for people. */
  readonly onProgress: (text: string) => void;
}

export interface Platform {
  /** Address of the live page. */
  readonly page: string;
  /** Process ids by program, for those who want to be unkind to them. */
  pids(): Record<string, number>;
  figures(): Promise<Figures>;
  /** Stops the devices and waits, at most 20 s, until the hub has counted what the gateway acknowledged. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

const PROGRAM_GRACE_MS = 6_000;
const KAFKA_GRACE_MS = 3_000;
const DRAIN_MS = 20_000;

/** The whole platform as child processes of this one. Throws, with everything stopped again, when a part does not start. */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const { dir, onProgress } = options;
  const startedAt = Date.now();
  makePrivateDir(dir);
  const programs: Program[] = [];
  let kafka: KafkaCluster | undefined;
  let stores: Stores | undefined;

  const run = async (name: string, args: readonly string[], ready: (line: string) => boolean) => {
    const logFile = join(dir, 'logs', `${name}.log`);
    const program = await supervise({ name, ...options.program(args), logFile, readyWhen: ready }, onProgress);
    programs.push(program);
    return program;
  };
  const stop = (wanted: readonly Program[]) => Promise.all(wanted.map((p) => p.stop(PROGRAM_GRACE_MS)));
  const close = async () => {
    await Promise.all([stop(programs), stores?.close(PROGRAM_GRACE_MS)]);
    await kafka?.close(KAFKA_GRACE_MS);
  };

  const startSimulators = async (ports: Ports): Promise<SerialLine[]> => {
    const account = deviceAccount(dir);
    let lines: SerialLine[] = [];
    const ready = (line: string) => {
      if (!line.startsWith('{"ready"')) return false;
      lines = JSON.parse(line).lines;
      return true;
    };
    const where = ['--dir', join(dir, 'simulated'), '--mqtt', `mqtt://127.0.0.1:${ports.mqtt}`];
    const login = ['--username', account.username, '--password-file', account.passwordFile];
    await run('simulators', ['simulate', 'all', ...where, ...login, ...options.simulate], ready);
    return lines;
  };

  const startBrokers = async () => {
    onProgress(`starting Kafka (${options.brokers === 1 ? 'one broker' : 'three brokers'})`);
    kafka = await startKafka({
      dir: join(dir, 'kafka'),
      brokers: options.brokers,
      onLog: onProgress,
      onExit: ({ node, hint }) => onProgress(`broker ${node} ended: ${hint}`),
    });
    onProgress('making topics and rights');
    const { username, password } = kafka.users.get('admin')!;
    const settings = { brokers: kafka.bootstrap, clientId: 'headwater-up', ca: kafka.ca, username, password };
    await options.provision(settings, options.brokers);
    return kafka;
  };

  const startOwnStores = async () => {
    if (options.stores) stores = await startStores(join(dir, 'stores'), options.stores, onProgress);
  };

  try {
    const ports = await settlePorts(dir, options.pagePort, onProgress);
    const started = await Promise.allSettled([startBrokers(), startSimulators(ports), startOwnStores()]);
    for (const result of started) if (result.status === 'rejected') throw result.reason;
    const [cluster, lines] = started.map((r) => (r as PromiseFulfilledResult<unknown>).value) as [
      KafkaCluster,
      SerialLine[],
    ];
    const files = writeSettings(dir, cluster, ports, lines, options.jobs, stores?.settings);
    onProgress('starting the gateway and the hub');
    const listening = (line: string) => line.includes('"msg":"listening"');
    const both = await Promise.allSettled([
      run('gateway', ['gateway', 'run', '--config', files.gateway], listening),
      run('hub', ['hub', 'run', '--config', files.hub], listening),
    ]);
    for (const result of both) if (result.status === 'rejected') throw result.reason;

    // After the page, which would wait for it.
    stores?.complete(cluster, options.brokers);

    const page = `http://127.0.0.1:${ports.page}`;
    const figures = () =>
      readFigures({
        page,
        gateway: `http://127.0.0.1:${ports.gateway}`,
        startedAt,
        memory: () => ({
          ...Object.fromEntries(programs.map((p) => [p.name, p.peakRss()])),
          ...Object.fromEntries(cluster.nodes.map((n) => [`kafka-${n.id}`, n.peakRss()])),
          ...stores?.peakRss(),
          up: Math.round(process.resourceUsage().maxRSS / 1024),
        }),
        restarts: () => Object.fromEntries(programs.map((p) => [p.name, p.restarts()])),
      });
    return {
      page,
      pids: () => ({
        ...Object.fromEntries(programs.map((p) => [p.name, p.pid()])),
        ...Object.fromEntries(cluster.nodes.map((n) => [`kafka-${n.id}`, n.pid])),
        ...stores?.pids(),
      }),
      figures,
      async drain() {
        await stop(programs.filter((p) => p.name === 'simulators'));
        const deadline = Date.now() + DRAIN_MS;
        while (Date.now() < deadline) {
          const { readings, backlog } = await figures();
          if (backlog === 0 && readings.counted >= readings.acknowledged) return;
          await sleep(250);
        }
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
