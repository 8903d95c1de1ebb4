import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GatewayStatus } from '../../contract/index.ts';
import { provision } from '../../hub/topics/index.ts';
import {
  deviceAccount,
  type ProcessExit,
  type RunningProcess,
  settlePorts,
  startProcess,
  writeSettings,
} from '../../infra/local/index.ts';
import type { DevicesOptions } from '../../simulators/devices/index.ts';
import { openTestBed, type TestBed, until } from './testbed.ts';

/** A machine that is busy with something else takes its time. */
const START_MS = 120_000;
const ANSWER_MS = 10_000;
const TOLD_LINES = 20;
const TOLD_LENGTH = 400;
/** Log lines below a warning. One that is no JSON is kept: it is a crash's. */
const BELOW_WARN = /^\{"level":[123]0,/;
const COMMAND = join(import.meta.dirname, '../../cli/main.ts');

/** A program that may be killed and started again, any number of times. */
export interface Victim {
  readonly name: string;
  /** Resolves when it listens. */
  start(): Promise<void>;
  /** Starts it and kills it after so long, wherever it is then; gives whether it listened. */
  startAndKill(ms: number): Promise<boolean>;
  signal(signal: NodeJS.Signals): void;
  /** kill -9. */
  kill(): Promise<void>;
  /** SIGTERM, and SIGKILL where that takes longer than `graceMs`. */
  stop(graceMs?: number): Promise<ProcessExit>;
}

/** A gateway, a hub and the devices' account, on real Kafka; nothing else of the platform, so that only what a test does happens. */
export interface Victims {
  readonly bed: TestBed;
  readonly gateway: Victim;
  readonly hub: Victim;
  readonly login: Pick<DevicesOptions, 'url' | 'username' | 'password'>;
  /** Where the hub looks for the access log (`access.log`) and the transactions (`transactions.jsonl`). */
  readonly simulated: string;
  /** The journal that the gateway's buffer writes first. */
  readonly bufferJournal: string;
  gatewayStatus(): Promise<GatewayStatus>;
  /** Messages that the gateway has refused. */
  refused(): Promise<number>;
  /** What the hub tells its page; undefined while it does not answer. */
  hubSummary(): Promise<HubSummary | undefined>;
  /** Waits as `until` of the test bed; a failure also says how both programs are and what they warned of last. */
  until(what: string, seconds: number, check: () => boolean | Promise<boolean>): Promise<void>;
  /** Waits until the gateway holds nothing that Kafka does not have, and ends it. */
  drainGateway(seconds: number): Promise<void>;
  close(): Promise<void>;
}

export interface HubSummary {
  readonly readings: { readonly counted: number; readonly duplicatesDropped: number; readonly gaps: number };
  readonly feed: { readonly state: string; readonly detail: string };
  readonly parts: readonly { readonly name: string; readonly state: string; readonly detail: string }[];
}

/** `env` overrides the gateway's settings. */
export async function openVictims(brokers: 1 | 3, env: Record<string, string> = {}): Promise<Victims> {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-victims-'));
  const bed = await openTestBed(brokers);
  await provision(bed.as('admin'), brokers);
  const ports = await settlePorts(dir, undefined, () => {});
  mkdirSync(join(dir, 'simulated'));
  const files = writeSettings(dir, bed.cluster, ports, []);
  const { username, password } = deviceAccount(dir);
  const gateway = victim('gateway', ['gateway', 'run', '--config', files.gateway], dir, env);
  const hub = victim('hub', ['hub', 'run', '--config', files.hub], dir, {});
  // One that hangs must not keep a test from failing.
  const get = (url: string) => fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
  const status = (path: string) => get(`http://127.0.0.1:${ports.gateway}${path}`);
  const gatewayStatus = async () => (await (await status('/status')).json()) as GatewayStatus;
  const hubSummary = async () => {
    const answer = await get(`http://127.0.0.1:${ports.page}/api/summary`).catch(() => undefined);
    return answer?.ok ? ((await answer.json()) as HubSummary) : undefined;
  };
  const untilOrAccount: Victims['until'] = (what, seconds, check) =>
    until(what, seconds, check).catch(async (cause: Error) => {
      const gateway = await gatewayStatus().catch(() => undefined);
      const hub = await hubSummary().catch(() => undefined);
      throw new Error([cause.message, ...accountOf(gateway, hub), ...lastWarnings(dir)].join('\n'), { cause });
    });
  return {
    bed,
    gateway,
    hub,
    simulated: join(dir, 'simulated'),
    bufferJournal: join(dir, 'gateway', 'buffer.db-wal'),
    login: { url: `mqtt://127.0.0.1:${ports.mqtt}`, username, password },
    gatewayStatus,
    async refused() {
      const text = await (await status('/metrics')).text();
      return Number(/^headwater_gateway_refused_total (\d+)/m.exec(text)?.[1]);
    },
    hubSummary,
    until: untilOrAccount,
    async drainGateway(seconds) {
      await untilOrAccount('the gateway has forwarded everything', seconds, async () => {
        return (await gatewayStatus()).backlog.readings === 0;
      });
      await gateway.stop();
    },
    async close() {
      await Promise.all([gateway.kill(), hub.kill()]);
      await bed.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function accountOf(gateway: GatewayStatus | undefined, hub: HubSummary | undefined): string[] {
  const parts = hub?.parts.filter(({ state }) => state !== 'ready');
  return [
    `gateway: ${JSON.stringify(gateway)}`,
    `hub: ${JSON.stringify(hub && { readings: hub.readings, feed: hub.feed, notReady: parts })}`,
  ];
}

/** What each program warned of last, in this life and the one before. */
function lastWarnings(dir: string): string[] {
  return ['gateway.log.1', 'gateway.log', 'hub.log.1', 'hub.log'].flatMap((name) => {
    const file = join(dir, 'logs', name);
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
    const warnings = lines.filter((line) => line !== '' && !BELOW_WARN.test(line));
    return warnings.slice(-TOLD_LINES).map((line) => `${name}: ${line.slice(0, TOLD_LENGTH)}`);
  });
}

function victim(name: string, args: readonly string[], dir: string, env: Record<string, string>): Victim {
  let running: RunningProcess | undefined;
  const program = {
    name,
    command: process.execPath,
    args: [COMMAND, ...args],
    env,
    logFile: join(dir, 'logs', `${name}.log`),
  };
  const listens = (line: string) => line.includes('"msg":"listening"');
  return {
    name,
    async start() {
      running = await startProcess({ ...program, readyWhen: listens, readyTimeoutMs: START_MS });
    },
    async startAndKill(ms) {
      running = await startProcess(program);
      await sleep(ms);
      running.kill('SIGKILL');
      return (await running.exited).lastLines.some(listens);
    },
    signal: (signal) => running?.kill(signal),
    async kill() {
      running?.kill('SIGKILL');
      await running?.exited;
    },
    stop: (graceMs = 15_000) => running!.stop(graceMs),
  };
}
