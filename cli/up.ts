import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { HeadwaterError } from '../contract/index.ts';
import { DEFAULT_DIR, duration, headwater, stopSignal } from './support.ts';
import { existingStores } from './up-stores.ts';

interface Options {
  for?: string;
  json?: boolean;
  brokers: '1' | '3';
  fresh?: boolean;
  data: string;
  port?: string;
  devices: string;
  jobs?: string[];
  resetStep?: string[];
  stores?: boolean;
  influx?: string;
  influxTokenFile?: string;
  mongo?: string;
  mongoUriFile?: string;
}

export const command = new Command('up')
  .description('the whole platform on this machine: Kafka, gateway, hub, simulators and the live page')
  .option('--for <time>', 'run that long, such as 60s, then stop and print what happened')
  .option('--json', 'print the figures at the end as one JSON object')
  .addOption(new Option('--brokers <n>', 'Kafka brokers').choices(['1', '3']).default('1'))
  .option('--fresh', 'start without the data of earlier runs')
  .option('--data <dir>', 'where everything is kept', DEFAULT_DIR)
  .option('--port <n>', 'port of the live page')
  .option('--devices <n>', 'simulated MQTT devices', '24')
  .option('--jobs <files...>', 'TypeScript files with jobs of your own')
  .option('--reset-step <ids...>', 'forget the state of these steps of jobs first, and compute them anew')
  .option(
    '--stores',
    'store results in InfluxDB and in MongoDB through Kafka Connect; `npm run stores` prepares servers once',
  )
  .option('--influx <url>', 'an InfluxDB that exists, instead of one of its own')
  .option('--influx-token-file <file>', 'file with its administrator’s token')
  .option('--mongo <uri>', 'a MongoDB that exists, instead of a FerretDB of its own; without a password')
  .option('--mongo-uri-file <file>', 'the same with its password, in a line uri=mongodb://…; else HEADWATER_MONGO_URI')
  .addHelpText(
    'after',
    '\nExamples:\n  headwater up\n  headwater up --stores\n  headwater up --for 60s --json\n  headwater up --brokers 3 --fresh',
  )
  .action(up);

async function up(options: Options): Promise<void> {
  const runFor = options.for === undefined ? undefined : duration(options.for);
  const chosen = existingStores(options, process.env);
  const { checkMachine, startPlatform, wipe } = await import('../infra/local/index.ts');
  await requireTools(checkMachine);
  const [{ checkSteps, loadJobs, resetSteps, steps }, { provision }] = await Promise.all([
    import('../hub/jobs/index.ts'),
    import('../hub/topics/index.ts'),
  ]);
  const jobs = (options.jobs ?? []).map((file) => resolve(file));
  const own = await loadJobs(jobs);
  const all = steps(own.jobs);
  const reset = options.resetStep ?? [];
  checkSteps(reset, all);

  const stopped = stopSignal();
  const dir = resolve(options.data);
  const startedAt = Date.now();
  const tell = (text: string) => {
    process.stderr.write(`${((Date.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${text}\n`);
  };
  if (options.fresh) await wipe(dir, tell);
  const starting = startPlatform({
    dir,
    brokers: options.brokers === '3' ? 3 : 1,
    ...(options.port !== undefined && { pagePort: Number(options.port) }),
    simulate: ['--devices', options.devices],
    jobs,
    program: headwater,
    provision: async (kafka, replication) => {
      await provision(kafka, replication, [], own);
      await resetSteps(reset, all, kafka);
    },
    ...((chosen.influx || chosen.mongo) && { stores: { ...chosen, apply: applyStore } }),
    onProgress: tell,
  });
  const platform = await Promise.race([starting, stopped.then(() => undefined)]);
  if (platform === undefined) {
    tell('stopping before everything was started');
    // What was started ends with this process.
    process.exit(130);
  }
  tell(`ready: open ${platform.page}`);
  if (runFor === undefined)
    process.stderr.write('          Ctrl-C stops everything; the next start goes on with this data.\n');

  try {
    await (runFor === undefined ? stopped : Promise.race([sleep(runFor, undefined, { ref: false }), stopped]));
    tell('stopping');
    if (runFor !== undefined) {
      await platform.drain();
      const { backlog: _, ...figures } = await platform.figures();
      process.stdout.write(options.json ? `${JSON.stringify(figures)}\n` : `${sentences(figures)}\n`);
      if (figures.readings.lost > 0) process.exitCode = 1;
    }
  } finally {
    await platform.close();
  }
  tell('stopped');
}

async function applyStore(file: string, store: 'influx' | 'mongo'): Promise<void> {
  const { loadStoresConfig, planStores } = await import('../hub/sinks/index.ts');
  const config = loadStoresConfig(file);
  for (const change of await planStores({ [store]: config[store] })) await change.apply();
}

async function requireTools(checkMachine: typeof import('../infra/local/index.ts').checkMachine): Promise<void> {
  const missing = (await checkMachine()).filter((check) => check.required && !check.ok);
  if (missing.length === 0) return;
  throw new HeadwaterError('MACHINE_LACKS', 'this machine lacks what Headwater needs:', {
    details: missing.map(
      ({ name, need, install }) =>
        `${name} (${need})${install ? `: ${install.debian}   (macOS: ${install.macos})` : ''}`,
    ),
  });
}

function sentences({ readings, ...rest }: Omit<import('../infra/local/index.ts').Figures, 'backlog'>): string {
  const memory = Object.values(rest.peakMemoryMb).reduce((sum, mb) => sum + mb, 0);
  return [
    `readings: ${readings.acknowledged} acknowledged, ${readings.forwarded} forwarded, ${readings.counted} counted, ${readings.lost} lost, ${readings.duplicatesDropped} repeats dropped`,
    `results: ${rest.windows} windows, ${rest.anomalies} anomalies, ${rest.deadLetters} dead letters`,
    `reading to page: p50 ${rest.latencyMs.p50} ms, p99 ${rest.latencyMs.p99} ms; first chart after ${rest.firstChartMs} ms`,
    `peak memory: ${memory} MB`,
  ].join('\n');
}
