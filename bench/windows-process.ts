import type { KafkaSettings } from '../kafka/index.ts';
import { compile, type Job } from '../streams/core/index.ts';
import { runSteps } from '../streams/runtime/index.ts';
import { type Usage, usage } from './settings.ts';
import { minuteWindows, secondWindows } from './windows.ts';

export interface WindowsTask {
  readonly kafka: KafkaSettings;
  readonly job: keyof typeof JOBS;
  /** Events before the clock starts, and events until it stops. */
  readonly warmUp: number;
  readonly total: number;
}

export interface WindowsAnswer extends Usage {
  readonly seconds: number;
  /** When the last event was processed, ms since the epoch. */
  readonly reachedAt: number;
}

const JOBS = { minuteWindows, secondWindows } as const satisfies Record<string, Job>;
const silent = { info() {}, warn() {}, error: console.error, debug() {} };

// One message in, one out: the parent ends this process.
process.once('message', async ({ kafka, job, warmUp, total }: WindowsTask) => {
  let cpu = process.cpuUsage();
  let startedAt = performance.now();
  let warm = warmUp === 0;
  const running = runSteps(compile(JOBS[job]), { kafka, log: silent });
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    const tasks = running.status().flatMap((step) => step.tasks);
    const done = tasks.reduce((sum, task) => sum + task.events, 0);
    if (!warm && done >= warmUp) {
      warm = true;
      cpu = process.cpuUsage();
      startedAt = performance.now();
    }
    if (done >= total) break;
  }
  const reachedAt = Date.now();
  // What was processed counts only once it is committed.
  await running.close();
  const answer: WindowsAnswer = { seconds: (performance.now() - startedAt) / 1000, reachedAt, ...usage(cpu) };
  process.send?.(answer);
});
