import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HeadwaterError } from '../../../contract/index.ts';
import { notePid } from '../process/leftover.ts';
import { howItEnded, type ProcessExit, type RunningProcess, startProcess } from '../process/process.ts';
import { hintFor } from './failures.ts';
import { jvm, type Runtime } from './jvm.ts';
import { nodePaths } from './layout.ts';

const READY_TIMEOUT_MS = 90_000;
const POLL_MS = 50;
const SHOWN_LINES = 20;

export interface BrokerExit {
  readonly node: number;
  readonly pid: number;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly lastLines: readonly string[];
  /** What it probably means and what to do. */
  readonly hint: string;
}

export interface KafkaNode {
  readonly id: number;
  /** For clients. */
  readonly port: number;
  /** Of the process that runs now, or ran last. */
  readonly pid: number;
  readonly logFile: string;
  /** Sends a signal; an end that follows is reported like any other. */
  kill(signal: NodeJS.Signals): void;
  /** Stops it if it runs, starts it again on its data and waits until it serves. */
  restart(): Promise<void>;
  /** Resident memory now, in MB; 0 when it does not run. */
  rss(): Promise<number>;
  /** The most resident memory seen, in MB. */
  peakRss(): number;
}

export interface Broker extends KafkaNode {
  /** Waits until `check` says that it serves; throws when it ends before, or takes too long. */
  untilReady(check: () => Promise<boolean>): Promise<void>;
  stop(graceMs: number): Promise<void>;
}

export interface BrokerOptions {
  readonly id: number;
  readonly port: number;
  readonly dir: string;
  readonly runtime: Runtime;
  readonly heapMb: number;
  readonly onExit: (exit: BrokerExit) => void;
  /** Whether it serves again after a restart. */
  readonly isServing: () => Promise<boolean>;
}

/** Writes the first state of a node's data folder, once. */
export async function format(dir: string, id: number, clusterId: string, { java, jars }: Runtime): Promise<void> {
  const paths = nodePaths(dir, id);
  // The last file that formatting writes.
  if (existsSync(join(paths.data, 'meta.properties'))) return;
  const args = ['format', '--ignore-formatted', '--config', paths.properties, '--cluster-id', clusterId];
  const tool = await startProcess({
    name: `formatting of broker ${id}`,
    ...jvm({ java, jars }, 'kafka.tools.StorageTool', args, 64),
  });
  const exit = await tool.exited;
  if (exit.code !== 0)
    throw startFailure(`the data folder of broker ${id} could not be made`, exit, 'This is all it said.');
}

export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const { id, port, dir } = options;
  const paths = nodePaths(dir, id);
  let serving = false;
  const launch = async (): Promise<RunningProcess> => {
    const started = await startProcess({
      name: `broker ${id}`,
      ...jvm(options.runtime, 'kafka.Kafka', [paths.properties], options.heapMb),
      logFile: paths.log,
      onExit: (exit) => {
        if (serving && !exit.requested) options.onExit({ ...describe(exit, paths.log), node: id, pid: started.pid });
        serving = false;
      },
    });
    notePid(paths.pid, started.pid);
    return started;
  };
  let running = await launch();

  const broker: Broker = {
    id,
    port,
    logFile: paths.log,
    get pid() {
      return running.pid;
    },
    kill: (signal) => running.kill(signal),
    rss: () => running.rss(),
    peakRss: () => running.peakRss(),
    async stop(graceMs) {
      await running.stop(graceMs);
    },
    async restart() {
      await running.stop();
      running = await launch();
      await broker.untilReady(options.isServing);
    },
    async untilReady(check) {
      let ended: ProcessExit | undefined;
      running.exited.then((exit) => {
        ended = exit;
      });
      const deadline = performance.now() + READY_TIMEOUT_MS;
      let trouble: unknown;
      while (ended === undefined) {
        const ready = await check().catch((error) => {
          trouble = error; // Not listening yet, most likely; told if it never does.
          return false;
        });
        if (ready) {
          serving = true;
          return;
        }
        if (performance.now() > deadline) {
          throw new HeadwaterError(
            'KAFKA_NOT_READY',
            `broker ${id} did not serve within ${READY_TIMEOUT_MS / 1000} s`,
            {
              cause: trouble,
              details: lastWords(running.lastLines()),
              retryable: true,
            },
          );
        }
        await sleep(POLL_MS);
      }
      throw startFailure(`broker ${id} ended while it started`, ended, `Its log says more: ${paths.log}`);
    },
  };
  return broker;
}

/** The end of its output, without the frames of Java's stack traces; the log file has those. */
const lastWords = (lines: readonly string[]) =>
  lines.filter((line) => !/^\s+(at |\.\.\. )/.test(line)).slice(-SHOWN_LINES);

function startFailure(what: string, exit: ProcessExit, otherwise: string): HeadwaterError {
  return new HeadwaterError('KAFKA_START_FAILED', `${what} (${howItEnded(exit)}). ${hintFor(exit) ?? otherwise}`, {
    details: lastWords(exit.lastLines),
  });
}

const describe = (exit: ProcessExit, logFile: string) => ({
  code: exit.code,
  signal: exit.signal,
  lastLines: lastWords(exit.lastLines),
  hint: hintFor(exit) ?? `Its log says more: ${logFile}`,
});
