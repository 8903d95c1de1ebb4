import { HttpError } from '@influxdata/influxdb-client';
import { HeadwaterError } from '../../../contract/index.ts';

/** What an answer of InfluxDB, or the lack of one, says about a write. */
export type Answer =
  /** Nothing is wrong with the points: the same write may succeed later. */
  | { readonly kind: 'wait'; readonly detail: string; readonly afterMs?: number }
  /** At least one of the points is at fault. `dropped`: so many, and the others are stored. */
  | { readonly kind: 'refused'; readonly reason: string; readonly dropped?: number }
  /** Stored, but for points older than the bucket keeps any. */
  | { readonly kind: 'expired'; readonly points: number };

const LONGEST_REASON = 1_000;
/** A server that asks for more patience than this is asked again all the same. */
const LONGEST_WAIT_MS = 300_000;

const APPLY = 'run `headwater stores apply`';
const ADVICE: Readonly<Record<number, string>> = {
  401: `InfluxDB does not take the token: ${APPLY}, which writes a good one to stores.influx.tokenFile; it is read again at each try`,
  403: `the token may not write to the bucket: ${APPLY}, which makes one that may`,
  404: `the organisation or the bucket is not there: ${APPLY}, or mend stores.influx`,
  429: 'InfluxDB takes no more at the moment',
  503: 'InfluxDB is overloaded or starting',
};

/** `error` is what the client's `flush` was rejected with, `now` ms since the epoch. */
export function answerOf(error: unknown, now: number): Answer {
  // Its token is not there, or is none.
  if (error instanceof HeadwaterError) return { kind: 'wait', detail: error.message };
  if (!(error instanceof HttpError)) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { kind: 'wait', detail: `InfluxDB cannot be reached: ${message || code || 'no reason given'}` };
  }
  const { statusCode } = error;
  const reason = error.message.slice(0, LONGEST_REASON);
  // InfluxDB's own refusals have a code. Without one it is a proxy, or TLS that was spoken to without: no point is at fault.
  if ((statusCode === 422 || statusCode === 400) && error.code !== undefined) {
    const dropped = /dropped=(\d+)/.exec(error.message)?.[1];
    if (/outside retention policy|beyond retention policy/.test(error.message)) {
      return { kind: 'expired', points: Number(dropped ?? 0) };
    }
    return { kind: 'refused', reason, ...(dropped !== undefined && { dropped: Number(dropped) }) };
  }
  // Too large: halves may pass.
  if (statusCode === 413) return { kind: 'refused', reason };
  const advice = /no space left on device/i.test(reason)
    ? 'the disk of InfluxDB is full: make room there, and start it again where it goes on saying so'
    : ADVICE[statusCode];
  const detail =
    advice === undefined ? `InfluxDB answers ${statusCode}: ${reason}` : `${advice} (${statusCode}: ${reason})`;
  const afterMs = retryAfter(error.headers?.['retry-after'], now);
  return { kind: 'wait', detail, ...(afterMs !== undefined && { afterMs }) };
}

/** RFC 9110: seconds, or a date. The client takes the number for milliseconds. */
function retryAfter(header: string | string[] | undefined, now: number): number | undefined {
  const text = Array.isArray(header) ? header[0] : header;
  if (text === undefined) return undefined;
  const ms = /^\d+$/.test(text.trim()) ? Number(text) * 1_000 : Date.parse(text) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), LONGEST_WAIT_MS) : undefined;
}
