import { setTimeout as sleep } from 'node:timers/promises';
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
