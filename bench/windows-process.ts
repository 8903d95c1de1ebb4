import type { KafkaSettings } from '../kafka/index.ts';
import { compile } from '../streams/core/index.ts';
import { runSteps } from '../streams/runtime/index.ts';
import { usage } from './settings.ts';
import { benchJob, type WindowsAnswer } from './windows.ts';

const silent = { info() {}, warn() {}, error: console.error, debug() {} };

// One message in, one out: the parent ends this process.
process.once('message', async ({ kafka, warmUp, total }: { kafka: KafkaSettings; warmUp: number; total: number }) => {
  let cpu = process.cpuUsage();
  let startedAt = performance.now();
  let warm = warmUp === 0;
  const running = runSteps(compile(benchJob), { kafka, log: silent });
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
  // What was processed counts only once it is committed.
  await running.close();
  const answer: WindowsAnswer = { seconds: (performance.now() - startedAt) / 1000, ...usage(cpu) };
  process.send?.(answer);
});
