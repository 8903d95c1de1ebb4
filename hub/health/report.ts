import { setTimeout as sleep } from 'node:timers/promises';
import { CONTRACT_VERSION, encode, HEADER, type Health, TOPICS } from '../../contract/index.ts';
import {
  brokerCertificates,
  type KafkaSettings,
  openAdmin,
  openProducer,
  ownCertificates,
  type Producer,
  readClusterState,
} from '../../kafka/index.ts';
import type { MetricsPart } from './metrics.ts';
import { brokersHealth, cpuShares, freeBytesOf, hubHealth, type Known } from './state.ts';
import { healthPart } from './told.ts';

export interface HealthOptions {
  /** As a user who may describe the cluster and the groups. */
  readonly kafka: KafkaSettings;
  readonly process: string;
  readonly version: string;
  /** Folder whose free disk is reported. */
  readonly dir: string;
  /** Groups whose lag is reported. */
  readonly groups: () => readonly string[];
  readonly counts: () => Record<string, number>;
  /** Quantiles of the last minute, ms. */
  readonly latency: () => NonNullable<Health['latencyMs']>;
  readonly everyMs: number;
  /** How often the brokers are asked: over new connections, which cost more. */
  readonly brokersEveryMs: number;
  readonly log: { warn(fields: object, message: string): void };
}

export interface HealthReporter {
  readonly metrics: MetricsPart;
  close(): Promise<void>;
}

/**
 * Tells `platform.health` every so often how this hub process is, and the brokers as it sees them. What cannot be told is skipped: the next says more.
 */
export function startHealth(options: HealthOptions): HealthReporter {
  const { kafka, log } = options;
  const stop = new AbortController();
  const shares = cpuShares();
  const startedAt = Math.round(performance.timeOrigin);
  const brokers = brokerCertificates(Date.now);
  const known: Known = { lag: undefined, diskFreeBytes: undefined, certificates: [], cluster: undefined };
  let askBrokersAt = 0;

  function certificates() {
    const expiresAt = brokers.expiresAt();
    return [...ownCertificates(kafka), ...(expiresAt === undefined ? [] : [{ name: 'kafka_broker', expiresAt }])];
  }

  function own(): Health {
    const about = {
      process: options.process,
      cpuShare: shares(),
      latencyMs: options.latency(),
      counts: options.counts(),
      startedAt,
    };
    return hubHealth(known, about, Date.now());
  }

  async function lookAtBrokers(): Promise<Health[]> {
    if (performance.now() < askBrokersAt) return [];
    askBrokersAt = performance.now() + options.brokersEveryMs;
    try {
      known.cluster = await readClusterState(kafka, brokers.seen);
      return brokersHealth(known.cluster, brokers.expiresAt, Date.now());
    } catch (error) {
      known.cluster = undefined;
      log.warn({ err: error }, 'the brokers could not be asked how they are');
      return [];
    }
  }

  const run = async () => {
    const admin = await openAdmin(kafka);
    let producer: Producer | undefined;
    try {
      producer = await openProducer(kafka);
      while (!stop.signal.aborted) {
        const ofBrokers = await lookAtBrokers();
        known.diskFreeBytes = await freeBytesOf(options.dir);
        known.certificates = certificates();
        known.lag = await admin.lag(options.groups());
        const records = [own(), ...ofBrokers].map((health) => ({
          key: health.process,
          value: encode(health),
          headers: { [HEADER.version]: CONTRACT_VERSION },
        }));
        await producer.send([{ topic: TOPICS.health.name, records }]);
        await pause(options.everyMs, stop.signal);
      }
    } finally {
      await Promise.allSettled([admin.close(), producer?.close()]);
    }
  };

  const running = (async () => {
    while (!stop.signal.aborted) {
      await run().catch((error) => {
        known.lag = undefined;
        log.warn({ err: error }, 'health could not be told');
      });
      await pause(options.everyMs, stop.signal);
    }
  })();

  return {
    metrics: healthPart({ hub: options.process, version: options.version }, known, brokers.expiresAt),
    async close() {
      stop.abort();
      await running;
    },
  };
}

/** Resolves after `ms`, or at once when the signal aborts. */
const pause = (ms: number, signal: AbortSignal) => sleep(ms, undefined, { signal }).catch(() => {});
