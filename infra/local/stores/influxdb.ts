import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HeadwaterError } from '../../../contract/index.ts';
import { makePrivateDir, readIfThere, writePrivate } from '../private-files.ts';
import { endLeftover, notePid } from '../process/leftover.ts';
import { lock } from '../process/lock.ts';
import { freePorts, isFree } from '../process/ports.ts';
import { howItEnded, type ProcessExit, type RunningProcess, startProcess } from '../process/process.ts';
import { userSecrets } from '../secrets.ts';
import { findProgram } from './build.ts';
import { INFLUXD } from './recipes.ts';

export interface InfluxDbOptions {
  /** Folder of its own: data, port, password and token, log. A next start on it goes on with all of them. */
  readonly dir: string;
  /** Of 127.0.0.1; the one of the last start where it is free, else any free one. */
  readonly port?: number;
  /** Where `npm run stores` put it; default $HEADWATER_CACHE, or ~/.cache/headwater. */
  readonly cacheDir?: string;
  readonly onLog?: (text: string) => void;
  /** It ended without having been asked to. */
  readonly onExit?: (exit: ProcessExit) => void;
  /** Further arguments of influxd. */
  readonly args?: readonly string[];
}

/** A real InfluxDB 2.7 on a port of 127.0.0.1, set up with one organisation and one all-powerful token. */
export interface InfluxDb {
  /** `http://127.0.0.1:…` */
  readonly url: string;
  readonly port: number;
  readonly org: string;
  /** The operator's, who may do everything. */
  readonly token: string;
  /** Mode 0600, as `passwordFile`. */
  readonly tokenFile: string;
  readonly username: string;
  readonly passwordFile: string;
  readonly logFile: string;
  /** Of the process that runs now, or ran last. */
  readonly pid: number;
  /** Sends a signal and waits for the end. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again where it ended, on the same port and data, and waits until it serves. */
  start(): Promise<void>;
  /** Resident memory now, in MB; 0 when it does not run. */
  rss(): Promise<number>;
  /** The most resident memory seen, in MB. */
  peakRss(): number;
  /** SIGTERM, and SIGKILL after `graceMs` (default 10,000). The data stays. */
  close(graceMs?: number): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const ORG = 'headwater';
const USER = 'headwater';
/** Setting up asks for a bucket; the others are made by `headwater stores apply`. */
const FIRST_BUCKET = 'results';
const READY_TIMEOUT_MS = 90_000;
const POLL_MS = 50;

/** Whether `npm run stores` has been here. */
export const hasInfluxDb = (cacheDir?: string): boolean => findProgram(INFLUXD, cacheDir) !== undefined;

/** @throws HeadwaterError `STORE_NOT_PREPARED`, `ALREADY_RUNNING`, `INFLUX_NOT_STARTED`, `INFLUX_SETUP` */
export async function startInfluxDb(options: InfluxDbOptions): Promise<InfluxDb> {
  const { onLog = () => {}, onExit = () => {}, args = [] } = options;
  const dir = resolve(options.dir);
  const command = findProgram(INFLUXD, options.cacheDir);
  if (command === undefined) {
    throw new HeadwaterError('STORE_NOT_PREPARED', 'InfluxDB is not on this machine yet: run `npm run stores` once');
  }
  makePrivateDir(dir);
  const held = lock(join(dir, 'lock'), dir);
  const pidFile = join(dir, 'influxd.pid');
  const logFile = join(dir, 'influxd.log');
  let running: RunningProcess | undefined;
  let closing = false;
  const close = async (graceMs = 10_000) => {
    closing = true;
    await running?.stop(graceMs);
    held.release();
  };
  try {
    await endLeftover(pidFile, dir, onLog);
    const port = await settlePort(dir, options.port);
    const secrets = userSecrets(join(dir, 'secrets'), [USER, 'token']);
    const { password, passwordFile } = secrets.get(USER)!;
    const { password: token, passwordFile: tokenFile } = secrets.get('token')!;
    const url = `http://127.0.0.1:${port}`;
    const paths = ['--bolt-path', join(dir, 'influxd.bolt'), '--sqlite-path', join(dir, 'influxd.sqlite')];
    const where = ['--engine-path', join(dir, 'engine'), '--http-bind-address', `127.0.0.1:${port}`];

    const start = async () => {
      let ended: ProcessExit | undefined;
      let serving = false;
      const started = await startProcess({
        name: 'InfluxDB',
        command,
        args: [...paths, ...where, '--reporting-disabled', ...args],
        logFile,
        onExit: (exit) => {
          ended = exit;
          if (serving && !exit.requested && !closing) onExit(exit);
        },
      });
      running = started;
      notePid(pidFile, started.pid);
      const deadline = performance.now() + READY_TIMEOUT_MS;
      while (!(await serves(url))) {
        const end = ended as ProcessExit | undefined;
        if (end === undefined && performance.now() < deadline) await sleep(POLL_MS);
        else {
          await started.stop();
          const how = end ? `it ended (${howItEnded(end)})` : `it did not serve within ${READY_TIMEOUT_MS / 1_000} s`;
          throw new HeadwaterError('INFLUX_NOT_STARTED', `InfluxDB did not start: ${how}. ${logFile} says more.`, {
            details: started.lastLines().slice(-10),
          });
        }
      }
      serving = true;
    };
    await start();
    await setUp(url, { username: USER, password, org: ORG, bucket: FIRST_BUCKET, retentionPeriodSeconds: 0, token });
    return {
      url,
      port,
      org: ORG,
      token,
      tokenFile,
      username: USER,
      passwordFile,
      logFile,
      get pid() {
        return running!.pid;
      },
      async kill(signal = 'SIGKILL') {
        running!.kill(signal);
        await running!.exited;
      },
      start,
      rss: () => running!.rss(),
      peakRss: () => running!.peakRss(),
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function settlePort(dir: string, wanted: number | undefined): Promise<number> {
  const file = join(dir, 'port');
  const kept = wanted ?? Number(readIfThere(file) ?? 0);
  const port = kept > 0 && (await isFree(kept)) ? kept : (await freePorts(1))[0]!;
  writePrivate(file, `${port}\n`);
  return port;
}

async function serves(url: string): Promise<boolean> {
  try {
    const { status } = await fetch(`${url}/health`, { signal: AbortSignal.timeout(5_000) });
    return status === 200;
  } catch {
    return false; // Not listening yet.
  }
}

/** Once for each folder: later starts find it set up. @throws HeadwaterError `INFLUX_SETUP` */
async function setUp(url: string, request: { token: string } & Record<string, string | number>): Promise<void> {
  const { allowed } = (await (await fetch(`${url}/api/v2/setup`)).json()) as { allowed: boolean };
  if (allowed) {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${url}/api/v2/setup`, { method: 'POST', headers, body: JSON.stringify(request) });
    if (answer.status !== 201)
      throw new HeadwaterError('INFLUX_SETUP', `InfluxDB refused its setup: ${await answer.text()}`);
  }
  const me = await fetch(`${url}/api/v2/me`, { headers: { authorization: `Token ${request.token}` } });
  await me.body?.cancel();
  if (me.status !== 200) {
    throw new HeadwaterError(
      'INFLUX_SETUP',
      'InfluxDB’s data folder was set up with another token than the one in its secrets',
    );
  }
}
