import { X509Certificate } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import kafkajs from 'kafkajs';
import { HeadwaterError } from '../contract/index.ts';
import { readFetchesByBatch } from './fetch-response.ts';
import { letEmptyQueuesRest } from './quiet-queue.ts';
import { socketFactory } from './socket.ts';
import type { KafkaSettings, OnBrokerCertificate } from './types.ts';
import { keepMetadataWhole } from './whole-metadata.ts';

// kafkajs knows only gzip by itself; its registry of codecs is global. Synchronous: setting up a stream costs more than a batch of ours takes to
// compress (60 KB: 0.12 ms against 0.35 ms).
kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD] = () => ({
  compress: async (encoder: { buffer: Buffer }) => zstdCompressSync(encoder.buffer),
  // What is read does not come by here; see fetched-batch.ts.
  decompress: () => Promise.reject(new Error('not used')),
});

readFetchesByBatch();
letEmptyQueuesRest();
keepMetadataWhole();

/** How long a broker may take for an answer. */
export const REQUEST_TIMEOUT_MS = 15_000;

export interface Retry {
  readonly retries: number;
  readonly initialRetryTime: number;
}

interface ClientOptions {
  readonly retry?: Retry;
  readonly onBrokerCertificate?: OnBrokerCertificate | undefined;
}

/** A kafkajs client, always over TLS. kafkajs's own log goes nowhere: what matters reaches the caller as an error. */
export function createClient(settings: KafkaSettings, options: ClientOptions = {}): kafkajs.Kafka {
  const { retry = { retries: 5, initialRetryTime: 100 }, onBrokerCertificate } = options;
  const ssl = { ca: [settings.ca], minVersion: 'TLSv1.3' as const };
  const login =
    'cert' in settings
      ? { ssl: { ...ssl, cert: settings.cert, key: settings.key } }
      : {
          ssl,
          sasl: { mechanism: 'scram-sha-512' as const, username: settings.username, password: settings.password },
        };
  return new kafkajs.Kafka({
    brokers: [...settings.brokers],
    clientId: settings.clientId,
    ...login,
    socketFactory: socketFactory(onBrokerCertificate),
    connectionTimeout: 5_000,
    authenticationTimeout: 10_000,
    requestTimeout: REQUEST_TIMEOUT_MS,
    retry: { ...retry, maxRetryTime: 2_000, factor: 0.2, multiplier: 1.5 },
    logCreator: () => () => {},
  });
}

/** What failed, when connecting did. */
export function notLetIn(settings: KafkaSettings): string {
  const who =
    'cert' in settings ? new X509Certificate(settings.cert).subject.replaceAll('\n', ', ') : settings.username;
  return `Kafka at ${settings.brokers.join(', ')} did not let ${who} in`;
}

/** Turns what kafkajs throws into the project's error, with the broker's own code where it has one. */
export function asHeadwaterError(error: unknown, doing: string): HeadwaterError {
  if (error instanceof HeadwaterError) return error;
  const root = rootCause(error);
  const type = typeof root.type === 'string' ? root.type : root.name.replace(/^KafkaJS/, '');
  const code = `KAFKA_${type.replace(/([a-z])([A-Z])/g, '$1_$2').toUpperCase()}`;
  const retryable = root.retriable !== false || code === 'KAFKA_NUMBER_OF_RETRIES_EXCEEDED';
  // kafkajs hides a refused group or transactional id behind this one.
  const hint =
    root.name === 'KafkaJSGroupCoordinatorNotFound'
      ? ' (the cluster may be starting, or the user may lack the right)'
      : '';
  return new HeadwaterError(code, `${doing}: ${root.message}${hint}`, { retryable, cause: error });
}

interface KafkaJsError extends Error {
  type?: string;
  retriable?: boolean;
  originalError?: Error;
}

function rootCause(error: unknown): KafkaJsError {
  if (!(error instanceof Error)) return new Error(String(error)) as KafkaJsError;
  const inner = (error as KafkaJsError).cause ?? (error as KafkaJsError).originalError;
  return inner instanceof Error ? rootCause(inner) : (error as KafkaJsError);
}
