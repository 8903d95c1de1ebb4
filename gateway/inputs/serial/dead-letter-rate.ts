export interface Rate {
  /** Dead letters that may be written at once, and how often one more after that. */
  readonly burst: number;
  readonly everyMs: number;
}

/** Some 5 MB a day at most. */
const NOISE: Rate = { burst: 20, everyMs: 30_000 };

/** Decides which of many unreadable messages become dead letters: so few that they cannot fill the disk. */
export class DeadLetterRate {
  readonly #rate: Rate;
  #left: number;
  #at: number;
  #held = 0;

  /** `now`: ms, of any beginning. */
  constructor(now: number, rate = NOISE) {
    this.#rate = rate;
    this.#left = rate.burst;
    this.#at = now;
  }

  /** How many were held back since the last that was let through. */
  get held(): number {
    return this.#held;
  }

  /** Whether the next one would be let through. */
  isReady(now: number): boolean {
    // A clock that is set back costs nobody anything.
    this.#left = Math.min(this.#rate.burst, this.#left + Math.max(0, now - this.#at) / this.#rate.everyMs);
    this.#at = now;
    return this.#left >= 1;
  }

  /** Counts one as held back, whatever its turn. */
  holdBack(): void {
    this.#held++;
  }

  /** How many were held back since the last that was let through, if this one is; undefined if it is held back itself. */
  next(now: number): number | undefined {
    if (!this.isReady(now)) {
      this.holdBack();
      return undefined;
    }
    this.#left--;
    const held = this.#held;
    this.#held = 0;
    return held;
  }
}
