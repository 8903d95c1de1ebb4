import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HeadwaterError } from '../../../contract/index.ts';
import { makePrivateDir, readIfThere, writePrivate } from '../private-files.ts';
import { endLeftover, notePid } from './leftover.ts';
import { lock } from './lock.ts';
import { freePorts, isFree } from './ports.ts';
import { howItEnded, type ProcessExit, type RunningProcess, startProcess } from './process.ts';

export interface ServerOptions {
  /** How messages call it. */
  readonly title: string;
  /** Names its files in `dir`. */
  readonly name: string;
  /** Folder of its own, which no second one can use at the same time. */
  readonly dir: string;
  /** Of 127.0.0.1; the one of the last start where it is free, else any free one. */
  readonly port?: number | undefined;
  /** What to run. One of the arguments names `dir`, by which a leftover of a killed run is known. */
  readonly command: (port: number) => {
    readonly command: string;
    readonly args: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
  };
  readonly isServing: (port: number) => Promise<boolean>;
  readonly readyTimeoutMs?: number;
  readonly onLog?: ((text: string) => void) | undefined;
  /** It ended without having been asked to. */
  readonly onExit?: ((exit: ProcessExit) => void) | undefined;
}

/** A server as a child process on a port of 127.0.0.1. */
export interface Server {
  readonly port: number;
  readonly logFile: string;
  /** Of the process that runs now, or ran last. */
  readonly pid: number;
  /** Sends a signal and waits for the end. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again where it ended, on the same port and data, and waits until it serves. */
  start(): Promise<void>;
  /** Resident memory now, in MB; 0 when it does not run. */
  rss(): Promise<number>;
  /** The most resident memory seen, in MB, of all its lives. */
  peakRss(): number;
  /** SIGTERM, and SIGKILL after `graceMs` (default 10,000). The data stays. */
  close(graceMs?: number): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const READY_TIMEOUT_MS = 90_000;
const POLL_MS = 50;

/** Gives a server back when it serves. @throws HeadwaterError `ALREADY_RUNNING`, `SERVER_NOT_STARTED` */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { title, name, dir, onLog = () => {}, onExit = () => {}, readyTimeoutMs = READY_TIMEOUT_MS } = options;
  makePrivateDir(dir);
  const held = lock(join(dir, 'lock'), dir);
  const pidFile = join(dir, `${name}.pid`);
  const logFile = join(dir, `${name}.log`);
  let running: RunningProcess | undefined;
  let peak = 0;
  let closing = false;
  const close = async (graceMs = 10_000) => {
    closing = true;
    await running?.stop(graceMs);
    held.release();
  };
  try {
    await endLeftover(pidFile, dir, onLog);
    const port = await settlePort(join(dir, 'port'), options.port);

    const start = async () => {
      if (closing) throw new HeadwaterError('SERVER_NOT_STARTED', `${title} was stopped`);
      let ended: ProcessExit | undefined;
      let serving = false;
      const started = await startProcess({
        name: title,
        ...options.command(port),
        logFile,
        onExit: (exit) => {
          ended = exit;
          peak = Math.max(peak, started.peakRss());
          if (serving && !exit.requested && !closing) onExit(exit);
        },
      });
      running = started;
      notePid(pidFile, started.pid);
      const deadline = performance.now() + readyTimeoutMs;
      for (;;) {
        const serves = await options.isServing(port).catch(() => false);
        // Also one that was serving a moment ago; nobody else would hear of its end.
        const end = ended as ProcessExit | undefined;
        if (serves && end === undefined) break;
        if (end === undefined && performance.now() < deadline) await sleep(POLL_MS);
        else {
          await started.stop();
          const how = end ? `it ended (${howItEnded(end)})` : `it did not serve within ${readyTimeoutMs / 1_000} s`;
          throw new HeadwaterError('SERVER_NOT_STARTED', `${title} did not start: ${how}. ${logFile} says more.`, {
            details: started.lastLines().slice(-10),
            retryable: true,
          });
        }
      }
      serving = true;
    };
    await start();
    return {
      port,
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
      peakRss: () => Math.max(peak, running!.peakRss()),
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The port that a server on this folder had last where it is free, else any free one; it is kept. */
export async function settlePort(file: string, wanted: number | undefined): Promise<number> {
  const kept = wanted ?? Number(readIfThere(file) ?? 0);
  const port = kept > 0 && (await isFree(kept)) ? kept : (await freePorts(1))[0]!;
  writePrivate(file, `${port}\n`);
  return port;
}
