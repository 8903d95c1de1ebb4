import { setTimeout as sleep } from 'node:timers/promises';
import { HeadwaterError } from '../../contract/index.ts';
import type { Producer } from '../../kafka/index.ts';

/** The promise's result, unless the signal comes first; then its reason is thrown and the promise's end no longer matters. */
export async function unless<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** A producer in trouble may not come to an end by itself. Its own error tells nothing new. */
export async function closeWithin(producer: Producer, ms: number): Promise<void> {
  const timer = new AbortController();
  const timeout = sleep(ms, undefined, { signal: timer.signal, ref: false }).catch(() => {});
  await Promise.race([producer.close().catch(() => {}), timeout]);
  timer.abort();
}

/** The promise's result, unless it takes longer; then an error that says so is thrown and the promise's end no longer matters. */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new HeadwaterError('KAFKA_SILENT', `${what} took longer than ${ms / 1_000} s`, { retryable: true }));
  }, ms).unref();
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** How long to wait before the next try, ms: doubled with each failure, and anything from half of that up, so that a fleet does not come back at once. */
export function backOffMs(
  failures: number,
  { firstRetryMs, lastRetryMs }: { readonly firstRetryMs: number; readonly lastRetryMs: number },
  random: () => number,
): number {
  const most = Math.min(lastRetryMs, firstRetryMs * 2 ** Math.min(Math.max(0, failures - 1), 30));
  return most / 2 + (random() * most) / 2;
}
