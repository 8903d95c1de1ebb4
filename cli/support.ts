import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { isSea } from 'node:sea';
import pino, { type Logger } from 'pino';
import { HeadwaterError } from '../contract/index.ts';
import pkg from '../package.json' with { type: 'json' };

/** Where a platform of this machine keeps everything, unless told otherwise. */
export const DEFAULT_DIR = resolve(import.meta.dirname, '..', '.headwater');

/** Structured log to standard error, for what Node itself has to say too; HEADWATER_LOG sets its level. */
export function openLog(name: string): Logger {
  const log = pino(
    { name, level: process.env.HEADWATER_LOG ?? 'info', base: { name } },
    pino.destination({ dest: 2, sync: true }),
  );
  // Node writes its warnings, and what ends it, as lines that are no JSON.
  process.removeAllListeners('warning');
  process.on('warning', (warning) => log.warn({ warning: warning.name }, warning.message));
  process.on('uncaughtException', (err) => {
    log.fatal({ err }, 'ended by an error that was not expected');
    process.exit(1);
  });
  return log;
}

/** Resolves on the first of the signals; a second one ends the process at once. */
export function stopSignal(
  signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'],
): Promise<NodeJS.Signals> {
  return new Promise((done) => {
    let asked = false;
    for (const signal of signals) {
      process.on(signal, () => {
        if (asked) process.exit(1);
        asked = true;
        done(signal);
      });
    }
  });
}

/**
 * Ends the process after `ms` at the latest, whatever still holds it: where Kafka hangs, kafkajs keeps the sockets and timers of clients that were
 * closed.
 */
export function leaveWithin(ms: number): void {
  setTimeout(() => process.exit(), ms).unref();
}

/** Where packages and Ansible put configurations. */
const SYSTEM_DIR = '/etc/headwater';

/** The configuration file that was named, or the one that `headwater up` wrote, or that of this machine. */
export function configFile(given: string | undefined, name: string): string {
  if (given !== undefined) {
    if (existsSync(given)) return given;
    throw new HeadwaterError('CONFIG_MISSING', `${given} does not exist`);
  }
  // The single binary lies beside no checkout.
  const folders = isSea() ? [SYSTEM_DIR] : [DEFAULT_DIR, SYSTEM_DIR];
  const files = folders.map((folder) => resolve(folder, `${name}.yaml`));
  const found = files.find((file) => existsSync(file));
  if (found !== undefined) return found;
  throw new HeadwaterError(
    'CONFIG_MISSING',
    `name a configuration with --config FILE; there is none at ${files.join(' or ')}`,
  );
}

/** Milliseconds of `90s`, `5m`, `2h`. @throws HeadwaterError `USAGE` */
export function duration(text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  if (digits === undefined) throw new HeadwaterError('USAGE', `"${text}" is not a time such as 60s, 5m or 2h`);
  return Number(digits) * { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[unit as 'ms' | 's' | 'm' | 'h'];
}

/**
 * How a headwater command is run as a process of its own. Node sizes the nursery for short-lived objects by the machine's memory; a smaller one saves
 * 50 MB and more. What the hub is run with besides: see docs/decisions/0047-the-hubs-memory.md.
 */
export function headwater(args: readonly string[]): {
  command: string;
  args: string[];
  env?: Readonly<Record<string, string>>;
} {
  const isGateway = args[0] === 'gateway';
  const flags = isGateway ? pkg.gatewayFlags : pkg.hubFlags;
  return {
    command: process.execPath,
    args: [...process.execArgv, ...flags, resolve(import.meta.dirname, 'main.ts'), ...args],
    ...(!isGateway && { env: pkg.hubEnv }),
  };
}
