import { readFileSync } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { InfluxDB, setLogger, type WriteApi } from '@influxdata/influxdb-client';
import { HeadwaterError } from '../../../contract/index.ts';
import type { InfluxConfig } from './config.ts';
import type { Bucket } from './points.ts';
import { isToken } from './token.ts';

/** Where lines are written to. */
export interface Server {
  /** Resolves when InfluxDB has stored them; rejects with what the client says (see `answerOf`) when it has not, or not all. */
  write(bucket: Bucket, lines: readonly string[]): Promise<void>;
  /** Gives up what is under way. */
  close(): void;
}

/** Lines of one request. */
const MOST_LINES = 20_000;
/** Retries are the sink's business, and so are messages. */
const SILENT = { error: () => {}, warn: () => {} };

/** A write that gets no answer within `config.timeout` fails, and its connection with it, so that it cannot arrive later over newer points. */
export function openServer(config: InfluxConfig): Server {
  setLogger(SILENT);
  const { url, org, tokenFile, timeout, gzip } = config;
  const agent = url.startsWith('https:') ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
  const names: Record<Bucket, string> = config.buckets;
  let token: string | undefined;
  let apis: Record<Bucket, WriteApi> | undefined;

  const open = (): Record<Bucket, WriteApi> => {
    // Read at each write: a renewed token counts without a restart.
    const now = readToken(tokenFile);
    if (apis !== undefined && now === token) return apis;
    token = now;
    const client = new InfluxDB({ url, token, timeout, transportOptions: { agent } });
    const api = (bucket: Bucket) =>
      client.getWriteApi(org, names[bucket], 'ms', {
        // Batches that the client sends by itself are not waited for by flush(): it must never have enough for one.
        batchSize: MOST_LINES + 1,
        maxBatchBytes: Number.MAX_SAFE_INTEGER,
        flushInterval: 0,
        maxRetries: 0,
        gzipThreshold: gzip ? 1_000 : Number.MAX_SAFE_INTEGER,
      });
    apis = { readings: api('readings'), results: api('results') };
    return apis;
  };

  return {
    async write(bucket, lines) {
      const api = open()[bucket];
      try {
        for (let from = 0; from < lines.length; from += MOST_LINES) {
          api.writeRecords(lines.slice(from, from + MOST_LINES));
          await api.flush();
        }
      } catch (error) {
        if ((error as Error).name === 'RequestTimedOutError') agent.destroy();
        throw error;
      }
    },
    close: () => agent.destroy(),
  };
}

function readToken(file: string): string {
  let token: string;
  try {
    token = readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new HeadwaterError(
      'INFLUX_TOKEN',
      `the token cannot be read from ${file}: run \`headwater stores apply\`, which writes it there`,
      { cause, retryable: true },
    );
  }
  if (isToken(token)) return token;
  throw new HeadwaterError(
    'INFLUX_TOKEN',
    `${file} should hold the token and nothing else, in one line: run \`headwater stores apply\`, which writes it there`,
    { retryable: true },
  );
}
