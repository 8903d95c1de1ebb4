import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { HeadwaterError } from '../contract/index.ts';
import { DEFAULT_DIR, stopSignal } from './support.ts';

export const command = new Command('simulate').description('made-up devices, boards, access logs and transactions');

interface Options {
  dir: string;
  seed: string;
  rate?: string;
  count?: string;
  mqtt?: string;
  username?: string;
  passwordFile?: string;
  truth?: string;
  devices?: string;
  boards?: string;
}

const KINDS = {
  all: 'everything at once',
  devices: 'MQTT devices',
  boards: 'microcontrollers that run the real firmware, each on a serial line of its own',
  web: 'a shop’s access log, in the combined format',
  finance: 'a bank’s transactions, a JSON object a line',
} as const;

for (const [kind, description] of Object.entries(KINDS) as [keyof typeof KINDS, string][]) {
  const sub = command
    .command(kind)
    .description(description)
    .option('--dir <dir>', 'where files and serial lines are made', join(DEFAULT_DIR, 'simulated'))
    .option('--seed <n>', 'the same seed gives the same company', '1')
    .action((options: Options) => simulate(kind, options));
  if (kind === 'web' || kind === 'finance') sub.option('--rate <n>', 'lines a second', kind === 'web' ? '20' : '5');
  if (kind === 'boards') sub.option('--boards <n>', 'how many', '2');
  if (kind === 'all' || kind === 'devices') {
    sub
      .option('--mqtt <url>', 'the gateway’s broker', 'mqtt://127.0.0.1:1883')
      .option('--username <name>', 'account at the broker')
      .option('--password-file <file>', 'file that holds its password')
      .option('--devices <n>', 'how many', '24')
      .addOption(new Option('--rate <n>', 'messages a second of each device').default('1'))
      .option('--truth <file>', 'write what was sent and acknowledged, a JSON object a line');
  }
  sub.addHelpText('after', `\nExample:\n  headwater simulate ${kind} --seed 7`);
}

async function simulate(kind: keyof typeof KINDS, options: Options): Promise<void> {
  const { startSite } = await import('../simulators/site/index.ts');
  const stopped = stopSignal();
  const has = (one: keyof typeof KINDS) => kind === 'all' || kind === one;
  const password = options.passwordFile === undefined ? undefined : readPassword(options.passwordFile);
  const site = await startSite({
    dir: options.dir,
    seed: Number(options.seed),
    ...(has('devices') && {
      devices: {
        url: options.mqtt!,
        count: Number(options.devices),
        ratePerDevice: Number(options.rate),
        ...(options.username !== undefined && { username: options.username }),
        ...(password !== undefined && { password }),
        ...(options.truth !== undefined && { truthFile: options.truth }),
      },
    }),
    boards: has('boards') ? Number(options.boards ?? 2) : 0,
    requestRate: has('web') ? Number(kind === 'all' ? 20 : options.rate) : 0,
    weather: kind === 'all',
    transactionRate: has('finance') ? Number(kind === 'all' ? 5 : options.rate) : 0,
  });
  process.stdout.write(`${JSON.stringify({ ready: true, lines: site.lines })}\n`);
  await stopped;
  await site.close();
}

function readPassword(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new HeadwaterError('CONFIG_MISSING', `the password file cannot be read: ${(cause as Error).message}`, {
      cause,
    });
  }
}
