/** A process that runs the counting step, told by its parent how; it reports its status and ends on `close`. */
import type { KafkaSettings } from '../../kafka/index.ts';
import { runStep } from '../../streams/runtime/index.ts';
import { type CountingOptions, countingStep } from './counting.ts';
import { type Interruption, interruptAt } from './kill-points.ts';

export interface WorkerOrders {
  readonly kafka: KafkaSettings;
  readonly step: CountingOptions;
  readonly interruption?: Interruption | undefined;
}

const { kafka, step, interruption } = JSON.parse(process.argv[2]!) as WorkerOrders;
if (interruption) interruptAt(interruption);
const tell = (level: string) => (fields: object, message: string) =>
  console.error(new Date().toISOString().slice(14), level, message, JSON.stringify(fields));
const running = runStep(countingStep(step), {
  kafka,
  log: { info: tell('info'), warn: tell('warn'), error: tell('error') },
});
const report = setInterval(() => process.send?.(running.status()), 100);
process.on('message', async () => {
  await running.close();
  clearInterval(report);
  process.send?.(running.status());
  process.disconnect();
});
process.on('disconnect', () => process.exit());
