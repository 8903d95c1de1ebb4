/** Dead letters of noise that may be written at once, and how often one more after that: some 5 MB a day at most. */
const BURST = 20;
const EVERY_MS = 30_000;

/** Decides which unreadable parts of a noisy line become dead letters: so few that noise cannot fill the disk. */
export class DeadLetterRate {
  #left = BURST;
  #at: number;
  #held = 0;

  /** `now`: ms, of any beginning. */
  constructor(now: number) {
    this.#at = now;
  }

  /** How many were held back since the last that was let through, if this one is; undefined if it is held back itself. */
  next(now: number): number | undefined {
    this.#left = Math.min(BURST, this.#left + (now - this.#at) / EVERY_MS);
    this.#at = now;
    if (this.#left < 1) {
      this.#held++;
      return undefined;
    }
    this.#left--;
    const held = this.#held;
    this.#held = 0;
    return held;
  }
}
