import { join } from 'node:path';
import { type HeadwaterError, TOPICS } from '../contract/index.ts';
import { type KafkaSettings, openProducer } from '../kafka/index.ts';
import pkg from '../package.json' with { type: 'json' };
import { openBuffer } from './buffer/index.ts';
import { type GatewayConfig, readSecret } from './config/index.ts';
import { startForwarder } from './forwarder/index.ts';
import { type Snapshot, startHealthServer, startReporter, takeSnapshot } from './health/index.ts';
import { configuredInputs, Decoder, openIntake, systemClock } from './inputs/index.ts';

const REPORT_EVERY_MS = 5_000;

export interface GatewayLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface Gateway {
  /** Where it listens: `http`, and `mqtt` where that input is configured. */
  readonly addresses: Readonly<Record<string, string>>;
  status(): Promise<Snapshot>;
  /** Resolves when the buffer can serve no more; closing the gateway and running it again repairs that. */
  readonly failed: Promise<HeadwaterError>;
  /** Takes nothing more, syncs what it has, and ends within 10 s, also when Kafka is away. */
  close(): Promise<void>;
}

/**
 * Runs a gateway until it is closed. What opens first closes last, so that what an input hands over still finds the buffer.
 * @throws HeadwaterError where the configuration names what cannot be had: a secret, a folder, a port
 */
export async function runGateway(config: GatewayConfig, { log }: { readonly log: GatewayLog }): Promise<Gateway> {
  const { id, site } = config.gateway;
  const kafka: KafkaSettings = {
    brokers: config.kafka.brokers,
    clientId: id,
    ca: readSecret(config.kafka.caFile, 'the file kafka.caFile'),
    username: config.kafka.username,
    password: readSecret(config.kafka.passwordFile, 'the file kafka.passwordFile'),
  };
  const closers: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const end of closers.splice(0).reverse()) await end();
  };

  try {
    const { mqtt, inputs, certificates } = await configuredInputs(config, log);
    const { dir, maxBytes, maxAge, whenFull, liveWithin } = config.buffer;
    const buffer = await openBuffer({ dir, maxBytes, maxAgeMs: maxAge, whenFull, liveWithinMs: liveWithin });
    closers.push(() => buffer.close());
    if (buffer.recovered !== null) log.warn({ recovered: buffer.recovered }, 'the buffer was damaged and was repaired');

    const forwarder = startForwarder({
      buffer,
      kafka: () => openProducer(kafka),
      gateway: id,
      topic: TOPICS.raw.name,
      backlogShare: config.forwarder.backlogShare,
      log,
    });
    closers.push(() => forwarder.close());

    const clock = systemClock();
    const decoder = new Decoder({ gateway: id, site });
    const intake = await openIntake({
      file: join(dir, 'held.jsonl'),
      clock,
      decoder,
      submit: (submission) => buffer.submit(submission),
      log,
    });
    closers.push(() => intake.close());

    for (const input of inputs) {
      closers.push(() => input.close());
      await input.start(intake.receive);
    }

    const startedAt = clock.now();
    const snapshot = () =>
      takeSnapshot({
        gateway: id,
        site,
        version: pkg.version,
        startedAt,
        buffer,
        bufferDir: dir,
        maxBytes,
        forwarder,
        inputs,
        framesLost: () => decoder.framesLost,
        certificates: [kafka.ca, ...certificates],
        now: clock.now,
      });
    const server = await startHealthServer({ ...config.http, snapshot });
    closers.push(() => server.close());
    const reporter = startReporter({ snapshot, kafka: () => openProducer(kafka), everyMs: REPORT_EVERY_MS, log });
    closers.push(() => reporter.close());

    const addresses = { http: server.url, ...(mqtt && { mqtt: mqtt.url }) };
    return { addresses, status: snapshot, failed: buffer.failed, close };
  } catch (error) {
    await close();
    throw error;
  }
}
