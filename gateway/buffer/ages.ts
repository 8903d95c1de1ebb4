/** Wall clock in ms since the epoch and a clock that only ever goes on, in ms. */
export interface Clock {
  wall(): number;
  monotonic(): number;
}

export const systemClock: Clock = { wall: () => Date.now(), monotonic: () => performance.now() };

/**
 * The time by which records grow old. While running it follows the monotonic clock: a gateway without a battery clock starts in the past and
 * leaps ahead when it learns the time, and that must not make everything on its disk too old to keep. Time switched off counts as far as the
 * wall clock tells of it.
 */
export class Ages {
  readonly #clock: Clock;
  readonly #origin: number;

  constructor(clock: Clock, before: { readonly ageMs: number; readonly wallMs: number }) {
    this.#clock = clock;
    this.#origin = before.ageMs + Math.max(0, clock.wall() - before.wallMs) - clock.monotonic();
  }

  now(): number {
    return Math.floor(this.#origin + this.#clock.monotonic());
  }
}
