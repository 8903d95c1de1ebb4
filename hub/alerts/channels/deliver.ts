import type { Notification } from '../../../contract/index.ts';
import { waitMs } from './backoff.ts';
import { type Route, routed } from './route.ts';
import type { Channel, Outcome } from './types.ts';

/** Longest time for one attempt. */
const ATTEMPT_MS = 15_000;

export interface DeliverOptions {
  readonly channel: Channel;
  readonly route: Route;
  /** Resolves after `ms`, or when the signal aborts. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  /** 0…1. */
  readonly random: () => number;
  /** Told of each attempt that failed and is made again, and how long from now. */
  readonly onWaiting: (reason: string, ms: number) => void;
}

/**
 * Tells a channel one notification, however long that takes.
 * @returns undefined where it is none of the channel's, or the signal aborted before it was told
 */
export async function deliver(
  notification: Notification,
  options: DeliverOptions,
  signal: AbortSignal,
): Promise<Exclude<Outcome, { kind: 'again' }> | undefined> {
  const { channel, route, pause, random, onWaiting } = options;
  const part = routed(notification, route);
  if (part === undefined) return undefined;
  for (let failed = 1; !signal.aborted; failed++) {
    const outcome = await attempt(channel, part, signal);
    if (outcome.kind !== 'again') return outcome;
    if (signal.aborted) return undefined;
    const ms = waitMs(failed, random(), outcome.afterMs);
    onWaiting(outcome.reason, ms);
    await pause(ms, signal);
  }
  return undefined;
}

/** One attempt, not longer than ATTEMPT_MS. */
export function attempt(channel: Channel, notification: Notification, signal: AbortSignal): Promise<Outcome> {
  return channel.send(notification, AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_MS)]));
}
