import { DeadLetterRate } from '../serial/dead-letter-rate.ts';

/** At worst some 50 MB a day of one sender, and 500 MB of all of them together. */
const ONE = { burst: 100, everyMs: 10_000 };
const ALL = { burst: 1_000, everyMs: 1_000 };
/** Senders known apart; beyond them the one longest silent counts as new when it comes back. */
const MAX_SENDERS = 10_000;

/** What was held back of one sender. */
export interface HeldBack {
  readonly sender: string;
  readonly count: number;
}

/** Lets so many dead letters of each sender through that one misbehaving device cannot fill the disk, and counts the others. */
export class DeadLetters {
  readonly #senders = new Map<string, DeadLetterRate>();
  readonly #all: DeadLetterRate;
  #heldBack = 0;

  /** `now`: ms, of any beginning. */
  constructor(now: number) {
    this.#all = new DeadLetterRate(now, ALL);
  }

  /** All that were held back. */
  get heldBack(): number {
    return this.#heldBack;
  }

  /** How many of this sender were held back since its last dead letter, if it may have one now; undefined if it is held back too. */
  next(sender: string, now: number): number | undefined {
    const rate = this.#rateOf(sender, now);
    if (rate.isReady(now) && this.#all.next(now) !== undefined) return rate.next(now);
    this.#heldBack++;
    rate.holdBack();
    return undefined;
  }

  /** The senders of whom some were held back and who may have a dead letter again, which is to say how many. */
  *due(now: number): Iterable<HeldBack> {
    for (const [sender, rate] of this.#senders) {
      if (rate.held > 0 && rate.isReady(now)) yield { sender, count: rate.next(now)! };
    }
  }

  #rateOf(sender: string, now: number): DeadLetterRate {
    const rate = this.#senders.get(sender) ?? new DeadLetterRate(now, ONE);
    this.#senders.delete(sender);
    this.#senders.set(sender, rate);
    if (this.#senders.size > MAX_SENDERS) this.#senders.delete(this.#senders.keys().next().value!);
    return rate;
  }
}
