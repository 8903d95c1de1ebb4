import type { Random } from '../random/index.ts';

const DAY_MS = 86_400_000;
/** Busiest at 20:00 UTC, quietest twelve hours before or after, by this share of the mean. */
const DAILY_SWING = 0.5;
const PEAK_HOUR = 20;
/** Traffic comes in bursts: now and then it is this many times as dense, for a few seconds. */
const BURST_FACTOR = 3;
const MEAN_BURST_MS = 4_000;
const MEAN_CALM_MS = 40_000;
/** Keeps the mean over calm and bursts at 1. */
const CALM_FACTOR = (MEAN_BURST_MS + MEAN_CALM_MS) / (MEAN_CALM_MS + BURST_FACTOR * MEAN_BURST_MS);

/** How busy it is at a time of day, relative to the mean. */
export function daily(at: number): number {
  const hour = (at / DAY_MS) * 24;
  return 1 + DAILY_SWING * Math.cos(((hour - PEAK_HOUR) / 24) * 2 * Math.PI);
}

/** Times of independent arrivals, ms since the epoch, whose rate follows the day and comes in bursts: a Markov-modulated Poisson process. */
export function* arrivals(random: Random, startAt: number, ratePerSecond: number): Generator<number, never> {
  let at = startAt;
  let bursting = false;
  let changeAt = at + random.exponential(MEAN_CALM_MS);
  for (;;) {
    const factor = CALM_FACTOR * (bursting ? BURST_FACTOR : 1) * daily(at);
    const next = at + random.exponential(1000 / (ratePerSecond * factor));
    if (next < changeAt) {
      at = next;
      yield at;
    } else {
      // Waiting has no memory, so at a change of rate it simply begins again.
      at = changeAt;
      bursting = !bursting;
      changeAt = at + random.exponential(bursting ? MEAN_BURST_MS : MEAN_CALM_MS);
    }
  }
}
