/** A process that does of a hub what concerns alerts: judges, tells, delivers. Its parent tells it how, and may kill it. */
import { alerts, type ChannelConfig, notifySteps, startChannels, type TellingTimes } from '../../hub/alerts/index.ts';
import type { KafkaSettings } from '../../kafka/index.ts';
import { compile } from '../../streams/core/index.ts';
import { runSteps } from '../../streams/runtime/index.ts';

export interface AlertOrders {
  readonly kafka: KafkaSettings;
  readonly process: string;
  readonly times: TellingTimes;
  readonly channels: readonly ChannelConfig[];
}

const { kafka, process: name, times, channels } = JSON.parse(process.argv[2]!) as AlertOrders;
const tell = (level: string) => (fields: object, message: string) =>
  console.error(new Date().toISOString().slice(14), name, level, message, JSON.stringify(fields));
const log = { info: tell('info'), warn: tell('warn'), error: tell('error') };
const running = runSteps([...compile(alerts()), ...notifySteps(times)], { kafka, log });
const delivering = startChannels(channels, { kafka, process: name, log });
const report = setInterval(() => {
  const isRunning = running
    .status()
    .every((step) => step.state === 'running' && step.tasks.every(({ state }) => state === 'running'));
  process.send?.(isRunning);
}, 100);
process.on('message', async () => {
  clearInterval(report);
  await Promise.all([running.close(), delivering.close()]);
  process.disconnect();
});
process.on('disconnect', () => process.exit());
