import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { IncomingRecord } from '../../kafka/index.ts';
import type { InputRecord } from '../../streams/core/index.ts';
import { type StepStatus, stateTopicOf } from '../../streams/runtime/index.ts';
import type { CountedRow, CountingOptions } from './counting.ts';
import type { Interruption } from './kill-points.ts';
import type { WorkerOrders } from './step-worker.ts';
import { collect, keepFeeding, PARTITIONS, type TestBed, until } from './testbed.ts';
import { stepsOf, type WorkerSteps } from './worker-steps.ts';

/** A counting step's options with its topics created. */
export async function prepareCounting(bed: TestBed, name: string, more: Partial<CountingOptions> = {}) {
  const options: CountingOptions = { id: name, input: `hub.${name}.in`, output: `hub.${name}.out`, ...more };
  const tables = options.table === undefined ? [] : [options.table];
  await bed.createTopics([options.input, options.output, ...tables, stateTopicOf(options)]);
  return options;
}

/** What an undisturbed run gives: rows by partition, in order. */
export function expectedRows(options: WorkerSteps, inputs: readonly IncomingRecord[]): Map<number, unknown[]> {
  const rows = new Map<number, unknown[]>();
  const [step] = stepsOf(options);
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const task = step!.createTask(partition);
    const mine = inputs.filter((r) => r.partition === partition).sort((a, b) => a.offset - b.offset);
    for (const record of mine) task.process(options.input, record as InputRecord);
    const outputs = task.takeOutputs().filter(({ topic }) => topic === options.output);
    rows.set(
      partition,
      outputs.map((o) => JSON.parse(o.value!.toString())),
    );
  }
  return rows;
}

export function actualRows(outputs: readonly IncomingRecord[]): Map<number, CountedRow[]> {
  const rows = new Map<number, CountedRow[]>();
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const mine = outputs.filter((r) => r.partition === partition).sort((a, b) => a.offset - b.offset);
    rows.set(
      partition,
      mine.map((r) => JSON.parse(r.value!.toString())),
    );
  }
  return rows;
}

export interface Worker {
  readonly process: ChildProcess;
  readonly log: string[];
  status(): StepStatus | undefined;
  kill(signal: NodeJS.Signals): void;
  /** Ends it in order: what was processed is committed. */
  close(): Promise<void>;
}

const WORKER = fileURLToPath(new URL('step-worker.ts', import.meta.url));

/** Runs steps in a process of their own. */
export function startWorker(bed: TestBed, step: WorkerSteps, interruption?: Interruption): Worker {
  const orders: WorkerOrders = { kafka: bed.as('hub'), step, interruption };
  const child = fork(WORKER, [JSON.stringify(orders)], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const log: string[] = [];
  child.stderr!.on('data', (data) => log.push(String(data)));
  let status: StepStatus | undefined;
  child.on('message', (message) => {
    status = message as StepStatus;
  });
  return {
    process: child,
    log,
    status: () => status,
    kill: (signal) => void child.kill(signal),
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.send('close');
      await exited;
    },
  };
}

export function runningPartitions(worker: Worker): number[] {
  return (worker.status()?.tasks ?? []).filter((t) => t.state === 'running').map((t) => t.partition);
}

/** Waits until each partition is run by exactly one of the workers, and gives back how many each has. */
export async function shared(workers: readonly Worker[], seconds = 30): Promise<number[]> {
  await until(`${PARTITIONS} partitions shared among ${workers.length}`, seconds, () => {
    const owned = workers.flatMap(runningPartitions);
    return owned.length === PARTITIONS && new Set(owned).size === PARTITIONS;
  });
  return workers.map((worker) => runningPartitions(worker).length);
}

/** That what was put out is row by row what an undisturbed run puts out. */
export async function expectUndisturbed(
  bed: TestBed,
  options: WorkerSteps,
  outputs: Awaited<ReturnType<typeof collect>>,
): Promise<void> {
  const inputs = await collect(bed, options.input);
  expect(actualRows(await outputs.toEnd())).toEqual(expectedRows(options, await inputs.toEnd()));
  await Promise.all([inputs.close(), outputs.close()]);
}

/** Disturbs workers while records come in, lets them finish, and compares with an undisturbed run. */
export async function disturbed(
  bed: TestBed,
  options: CountingOptions,
  disturb: (start: () => Worker, outputs: readonly IncomingRecord[]) => Promise<void>,
): Promise<void> {
  const outputs = await collect(bed, options.output);
  const feeding = keepFeeding(bed, options.input);
  const workers: Worker[] = [];
  const start = () => {
    const worker = startWorker(bed, options);
    workers.push(worker);
    return worker;
  };
  try {
    await disturb(start, outputs.records);
    const fed = await feeding.stop();
    await until(`all of ${fed} done`, 30, () => outputs.records.length >= fed);
    await Promise.all(workers.map((worker) => worker.close()));
  } catch (error) {
    const logs = workers.map((worker, i) => `worker ${i}: ${JSON.stringify(worker.status())}\n${worker.log.join('')}`);
    throw new Error(`${error}\n${logs.join('\n')}`, { cause: error });
  } finally {
    await feeding.stop();
    for (const worker of workers) worker.kill('SIGKILL');
  }
  await expectUndisturbed(bed, options, outputs);
}
