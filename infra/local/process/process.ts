import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { HeadwaterError } from '../../../contract/index.ts';
import { type Memory, memoryOf } from './memory.ts';
import { endWithParent } from './watchdog.ts';

const KEPT_LINES = 200;
const SAMPLE_MS = 2_000;

export interface ProcessOptions {
  /** How messages call it. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to this process's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Output goes here too; the file of the run before is kept as `<logFile>.1`. */
  readonly logFile?: string;
  /** Each line of standard output and standard error, as it comes. */
  readonly onLine?: (line: string) => void;
  /** Called once, however it ends; `requested` tells a stop that was asked for from a failure. */
  readonly onExit?: (exit: ProcessExit) => void;
  /** `startProcess` waits for the first line for which this is true. */
  readonly readyWhen?: (line: string) => boolean;
  /** How long it may take, default 30,000 ms. */
  readonly readyTimeoutMs?: number;
}

export interface ProcessExit {
  readonly name: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly requested: boolean;
  readonly lastLines: readonly string[];
}

export interface RunningProcess {
  readonly name: string;
  readonly pid: number;
  readonly exited: Promise<ProcessExit>;
  lastLines(): readonly string[];
  /** Resident memory now, in MB; 0 when it is gone. */
  rss(): Promise<number>;
  /** The most resident memory seen, in MB; still known after its end. */
  peakRss(): number;
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL after `graceMs` (default 5,000). */
  stop(graceMs?: number): Promise<ProcessExit>;
}

/**
 * Runs a child process that cannot outlive this one, captures what it prints, and gives it back once it is ready.
 * Throws when it cannot be started, or ends or hangs before it is ready. It is in a session of its own: Ctrl-C in the
 * terminal reaches this process only, which then stops its children in the right order.
 */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  const { name, command } = options;
  const child = spawn(command, options.args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) =>
      reject(
        new HeadwaterError('PROCESS_NOT_STARTED', `${name}: "${command}" could not be started (${cause.message})`, {
          cause,
        }),
      ),
    );
  });
  const pid = child.pid as number;
  const callOffWatch = endWithParent(pid);

  const lines: string[] = [];
  const log = options.logFile === undefined ? undefined : openLog(options.logFile);
  const ready = Promise.withResolvers<void>();
  const take = (line: string): void => {
    lines.push(line);
    if (lines.length > KEPT_LINES) lines.shift();
    log?.write(`${line}\n`);
    options.onLine?.(line);
    if (options.readyWhen?.(line)) ready.resolve();
  };
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', take);

  let peakMb = 0;
  const sample = async (): Promise<Memory | undefined> => {
    const memory = await memoryOf(pid);
    peakMb = Math.max(peakMb, memory?.peakMb ?? 0);
    return memory;
  };
  const sampling = setInterval(sample, SAMPLE_MS);
  sampling.unref();

  let requested = false;
  const exited = new Promise<ProcessExit>((resolve) => {
    // 'close' comes after the last line was read, 'exit' may come before.
    child.once('close', (code, signal) => {
      clearInterval(sampling);
      callOffWatch();
      log?.end();
      const exit = { name, code, signal, requested, lastLines: [...lines] };
      resolve(exit);
      options.onExit?.(exit);
    });
  });

  const running: RunningProcess = {
    name,
    pid,
    exited,
    lastLines: () => [...lines],
    rss: async () => (await sample())?.residentMb ?? 0,
    peakRss: () => peakMb,
    kill: (signal) => {
      child.kill(signal);
    },
    stop: async (graceMs = 5_000) => {
      requested = true;
      await sample();
      child.kill('SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), graceMs);
      const exit = await exited;
      clearTimeout(force);
      return exit;
    },
  };
  if (options.readyWhen) await untilReady(running, ready.promise, options.readyTimeoutMs ?? 30_000);
  return running;
}

async function untilReady(running: RunningProcess, ready: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, 'late');
  });
  const outcome = await Promise.race([ready, running.exited, late]);
  clearTimeout(timer);
  if (outcome === undefined) return;
  if (outcome === 'late') {
    await running.stop();
    throw new HeadwaterError('PROCESS_NOT_READY', `${running.name} was not ready after ${timeoutMs / 1000} s`, {
      details: running.lastLines(),
      retryable: true,
    });
  }
  throw new HeadwaterError('PROCESS_ENDED', `${running.name} ended before it was ready: ${howItEnded(outcome)}`, {
    details: outcome.lastLines,
  });
}

export function howItEnded(exit: Pick<ProcessExit, 'code' | 'signal'>): string {
  return exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`;
}

function openLog(path: string) {
  mkdirSync(dirname(path), { recursive: true });
  if (existsSync(path)) renameSync(path, `${path}.1`);
  const log = createWriteStream(path, { mode: 0o600 });
  log.on('error', () => {}); // A full disk must not end the platform through its log; the last lines are kept in memory.
  return log;
}
