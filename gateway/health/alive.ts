import { setTimeout as sleep } from 'node:timers/promises';

/** Whether work is done within `ms`; false where it fails or takes longer. Never rejects. */
export async function doneWithin(ms: number, work: Promise<unknown>): Promise<boolean> {
  const timer = new AbortController();
  const late = sleep(ms, false, { signal: timer.signal }).catch(() => false);
  const done = work.then(
    () => true,
    () => false,
  );
  return Promise.race([done, late]).finally(() => timer.abort());
}
