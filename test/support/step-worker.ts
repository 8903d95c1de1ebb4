/** A process that runs the steps of a test, told by its parent how; it reports the status of the first and ends on `close`. */
import type { KafkaSettings } from '../../kafka/index.ts';
import { runSteps, systemClock } from '../../streams/runtime/index.ts';
import { type Interruption, interruptAt } from './kill-points.ts';
import { clockOf } from './windowing.ts';
import { stepsOf, type WorkerSteps } from './worker-steps.ts';

export interface WorkerOrders {
  readonly kafka: KafkaSettings;
  readonly step: WorkerSteps;
  readonly interruption?: Interruption | undefined;
}

const { kafka, step, interruption } = JSON.parse(process.argv[2]!) as WorkerOrders;
if (interruption) interruptAt(interruption);
const tell = (level: string) => (fields: object, message: string) =>
  console.error(new Date().toISOString().slice(14), level, message, JSON.stringify(fields));
const running = runSteps(stepsOf(step), {
  kafka,
  clock: 'kind' in step ? clockOf(step) : systemClock,
  log: { info: tell('info'), warn: tell('warn'), error: tell('error') },
});
const report = setInterval(() => process.send?.(running.status()[0]), 100);
process.on('message', async () => {
  await running.close();
  clearInterval(report);
  process.send?.(running.status()[0]);
  process.disconnect();
});
process.on('disconnect', () => process.exit());
