import { TOPICS } from '../contract/index.ts';
import { type InfluxConfig, startInfluxSink } from '../hub/sinks/index.ts';
import type { KafkaSettings } from '../kafka/index.ts';
import { type Usage, usage } from './settings.ts';

export interface InfluxTask {
  readonly kafka: KafkaSettings;
  readonly influx: InfluxConfig;
  readonly points: number;
}

export interface InfluxAnswer extends Usage {
  /** From the first write to the last. */
  readonly seconds: number;
  readonly writes: number;
}

// One message in, one out: the parent ends this process.
process.once('message', async ({ kafka, influx, points }: InfluxTask) => {
  const cpu = process.cpuUsage();
  const log = { info() {}, warn: (_: object, message: string) => console.error(message) };
  const sink = startInfluxSink({ kafka, influx, log, topics: [TOPICS.readings.name] });
  let startedAt: number | undefined;
  while (sink.status().points < points) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    if (startedAt === undefined && sink.status().state === 'ready') startedAt = performance.now();
  }
  const seconds = (performance.now() - (startedAt ?? 0)) / 1000;
  const { writes } = sink.status();
  const answer: InfluxAnswer = { seconds, writes, ...usage(cpu) };
  await sink.close();
  process.send?.(answer);
});
