import { statfs } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { encode, type Health, TOPICS } from '../../contract/index.ts';
import { type KafkaSettings, openAdmin, openProducer } from '../../kafka/index.ts';

export {
  type Counted,
  type Family,
  type Metrics,
  type MetricsPart,
  openMetrics,
  type Tell,
  watchProcess,
} from './metrics.ts';

export interface HealthOptions {
  readonly kafka: KafkaSettings;
  readonly process: string;
  /** Folder whose free disk is reported. */
  readonly dir: string;
  /** Groups whose lag is reported. */
  readonly groups: readonly string[];
  readonly counts: () => Record<string, number>;
  readonly everyMs: number;
  readonly log: { warn(fields: object, message: string): void };
}

/** Tells `platform.health` every so often how this hub process is. One that cannot be told is skipped: the next says more. */
export function startHealth(options: HealthOptions): { close(): Promise<void> } {
  const stop = new AbortController();
  let cpu = process.cpuUsage();
  let at = performance.now();

  const measure = async (lag: Record<string, number>): Promise<Health> => {
    const used = process.cpuUsage(cpu);
    const elapsed = performance.now() - at;
    cpu = process.cpuUsage();
    at = performance.now();
    const disk = await statfs(options.dir).catch(() => undefined);
    return {
      process: options.process,
      kind: 'hub',
      ts: Date.now(),
      rssMb: Math.round(process.memoryUsage.rss() / 1_048_576),
      cpuShare: Math.round(((used.user + used.system) / 1000 / elapsed) * 1000) / 1000,
      diskFreeBytes: disk ? disk.bavail * disk.bsize : null,
      lag,
      certificateExpiresAt: null,
      counts: options.counts(),
    };
  };

  const run = async () => {
    const [admin, producer] = await Promise.all([openAdmin(options.kafka), openProducer(options.kafka)]);
    try {
      while (!stop.signal.aborted) {
        const health = await measure(await admin.lag(options.groups));
        await producer.send([
          { topic: TOPICS.health.name, records: [{ key: options.process, value: encode(health) }] },
        ]);
        await pause(options.everyMs, stop.signal);
      }
    } finally {
      await Promise.allSettled([admin.close(), producer.close()]);
    }
  };

  const running = (async () => {
    while (!stop.signal.aborted) {
      await run().catch((error) => options.log.warn({ err: error }, 'health could not be told'));
      await pause(options.everyMs, stop.signal);
    }
  })();

  return {
    async close() {
      stop.abort();
      await running;
    },
  };
}

/** Resolves after `ms`, or at once when the signal aborts. */
const pause = (ms: number, signal: AbortSignal) => sleep(ms, undefined, { signal }).catch(() => {});
