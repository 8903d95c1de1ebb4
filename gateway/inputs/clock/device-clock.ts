import type { Reading } from '../../../contract/index.ts';

// How a device's clock is judged.
//
// A sample is `receivedAt − (the device's time)`. What makes it: the offset of the device's clock, plus the time the message was under way or
// waited in the device's store, which is never negative. Hence
//  - `sentAt` tells the offset at once, since nothing waits between it and the receipt;
//  - without it, a sample below zero proves a fast clock at once, by at least that much;
//  - a sample above zero is a slow clock or an old reading. It is held to be a slow clock only when it stays the same while time passes:
//    a store that drains makes it shrink.

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

/** An offset below this is transport, not a clock. */
const SENT_TOLERANCE = 2 * SECOND;
/** How far in the future a reading may be before its clock is known to be fast. */
const FUTURE_TOLERANCE = 5 * SECOND;
/** A lag below this is taken for delay. */
const LAG_TOLERANCE = 5 * MINUTE;
/** Samples this close to each other are steady. */
const STEADY_WITHIN = 2 * SECOND;
/** So many samples, this far apart by the time of receipt, are needed to call a lag steady. */
const STEADY_SAMPLES = 5;
const STEADY_APART = SECOND;
/** A time outside these, by a clock not known otherwise, says nothing. */
const OLDEST = 31 * DAY;
const NEWEST = DAY;
/** How long a machine is switched off at most, and hence how far behind a clock is that nothing has set. */
const OFF_AT_MOST = 365 * DAY;
/** What the contract can carry: the years 2000–2100. */
const MIN_TS = 946_684_800_000;
const MAX_TS = 4_102_444_800_000;

export interface Times {
  /** Measured at, by the device's clock. */
  readonly ts?: number | undefined;
  /** Sent at, by the device's clock. Leave it out of a message that is sent again with its old bytes. */
  readonly sentAt?: number | undefined;
  /** By the gateway's clock. */
  readonly receivedAt: number;
}

export interface Stamp {
  readonly ts: number;
  readonly clock?: NonNullable<Reading['clock']>;
}

/** What is known of one device's clock. All times in ms since the epoch. */
export class DeviceClock {
  /** What to add to the device's time; undefined while nothing is known. */
  #offset: number | undefined;
  #samples: number[] = [];
  #sampledAt = Number.NEGATIVE_INFINITY;

  /** The time to store for a reading, and what is known to be wrong with it. */
  stamp({ ts, sentAt, receivedAt }: Times): Stamp {
    if (ts === undefined) return { ts: receivedAt };
    if (sentAt !== undefined) return this.#stampSent(ts, receivedAt - sentAt, receivedAt);

    const sample = receivedAt - ts;
    this.#observe(sample, receivedAt);
    if (this.#offset === undefined) {
      if (sample > OLDEST || sample < -NEWEST || !representable(ts)) return { ts: receivedAt, clock: 'replaced' };
      return sample > LAG_TOLERANCE ? { ts, clock: 'suspect' } : { ts };
    }
    // The clock was off and now agrees with ours: it was set, or this is an old reading. Only more samples can tell.
    if (this.#offset !== 0 && Math.abs(sample) <= FUTURE_TOLERANCE) return { ts, clock: 'suspect' };
    const corrected = ts + this.#offset;
    const age = receivedAt - corrected;
    if (age > OLDEST || age < -NEWEST || !representable(corrected)) return { ts: receivedAt, clock: 'replaced' };
    return this.#offset === 0 ? { ts } : { ts: Math.min(corrected, receivedAt), clock: 'corrected' };
  }

  #stampSent(ts: number, offset: number, receivedAt: number): Stamp {
    this.#offset = Math.abs(offset) > SENT_TOLERANCE ? offset : 0;
    this.#samples = [];
    const corrected = ts + this.#offset;
    // A reading cannot be younger than its sending.
    if (corrected > receivedAt + FUTURE_TOLERANCE || !representable(corrected)) {
      return { ts: receivedAt, clock: 'replaced' };
    }
    return this.#offset === 0 ? { ts } : { ts: corrected, clock: 'corrected' };
  }

  #observe(sample: number, receivedAt: number): void {
    if (receivedAt >= this.#sampledAt + STEADY_APART || receivedAt < this.#sampledAt) {
      this.#sampledAt = receivedAt;
      this.#samples.push(sample);
      if (this.#samples.length > STEADY_SAMPLES) this.#samples.shift();
      const least = Math.min(...this.#samples);
      if (this.#samples.length === STEADY_SAMPLES && Math.max(...this.#samples) - least <= STEADY_WITHIN) {
        this.#offset = least > LAG_TOLERANCE || least < -FUTURE_TOLERANCE ? least : 0;
      }
    }
    // No reading is from the future, so a sample below what is known is a better bound. One that is absurd may be a broken number.
    const bound = this.#offset ?? 0;
    if (sample < bound - FUTURE_TOLERANCE && sample >= -NEWEST) {
      this.#offset = sample > -FUTURE_TOLERANCE && sample <= LAG_TOLERANCE ? 0 : sample;
    }
  }
}

/**
 * The time to store where the time of receipt is in doubt: by `latest` the latest that it can have been, otherwise what a clock showed that nothing had
 * set. The device's own is better then, unless it cannot be; its offset cannot be told.
 */
export function stampInDoubt({ ts, receivedAt }: Times, latest: boolean): number {
  if (ts === undefined || !representable(ts)) return receivedAt;
  const ahead = ts - receivedAt;
  return ahead >= -OLDEST && ahead <= (latest ? FUTURE_TOLERANCE : OFF_AT_MOST) ? ts : receivedAt;
}

function representable(ts: number): boolean {
  return ts >= MIN_TS && ts <= MAX_TS;
}
