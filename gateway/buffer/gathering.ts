import { Trickle } from './trickle.ts';
import type { Submission } from './types.ts';

/**
 * Each commit writes whole pages and wakes both threads, so a card lives, and the processor sleeps, by their number: in a steady trickle a group
 * waits until it is this large, or has a submission that is by itself, …
 */
const LARGE = 48;
/** … or its first submission has waited this long. Alarms never wait. */
const PATIENCE_MS = 350;
/** So many small groups a second are no steady trickle: fewer than there are when each waits that long. */
const NO_TRICKLE = 2.5;
/** Devices that wait for each answer before they go on should have it: what comes so soon after an answer may be theirs. */
const REPLY_MS = 10;
/** If so, and if no more comes in the second half of this time, it is all that there will be. */
const QUIET_MS = 20;
/** Where so many were answered, and fewer than a quarter of that came until it was quiet, nobody waits for answers: … */
const MANY = 8;
/** … so many of the next groups gather at rest from the start, and then it is looked at again. */
const TRUSTED = 7;
/** Submissions a second from which on nobody rests: a large group has come together before it would be over. */
const BUSY = 150;
const LOOK_BACK_MS = 1000;

/** When the submissions that wait in the caller's thread go to the buffer's: those of one turn of the event loop together, or those of a while. */
export class Gathering {
  readonly #go: () => void;
  readonly #onRest: (resting: boolean) => void;
  readonly #trickle = new Trickle(performance.now(), NO_TRICKLE);
  #size = 0;
  #urgent = false;
  #latestAt = 0;
  /** When what waits, or will wait, goes at the latest. */
  #due = 0;
  /** Whether the first that waits may be what a device sends when it has its answer. */
  #isReply = false;
  #answeredAt = Number.NEGATIVE_INFINITY;
  #answered = 0;
  #trusted = 0;
  /** Submissions since `#countedFrom`, and how many a second they were before. */
  #counted = 0;
  #countedFrom = Number.NEGATIVE_INFINITY;
  #rate = 0;
  #immediate: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;
  #beforeRest: NodeJS.Immediate | undefined;
  #resting = false;

  /**
   * `go` sends off what waits, as far as there is room for it; what is left goes when something was answered. `onRest` is told when a group begins to
   * wait (or, where nobody waits for answers, when the one before it has gone), from when on nobody needs to know what else belongs to it, and when that
   * is wanted, which is just before it goes.
   */
  constructor(go: () => void, onRest: (resting: boolean) => void = () => {}) {
    this.#go = go;
    this.#onRest = onRest;
  }

  add({ entries }: Submission): void {
    const now = performance.now();
    this.#count(now);
    if (this.#size++ === 0) {
      this.#isReply = now - this.#answeredAt < REPLY_MS;
      if (this.#timer === undefined) this.#due = now + PATIENCE_MS;
    }
    this.#latestAt = now;
    this.#urgent ||= entries.length >= LARGE || entries.some(({ alarm }) => alarm);
    if (this.#urgent || this.#size >= LARGE || !this.#trickle.isSteady(now)) this.#soon();
    else if (this.#timer === undefined) this.#wait(this.#isReply ? QUIET_MS : PATIENCE_MS);
  }

  /** So many that were sent off are on disk, or refused. */
  answered(count: number): void {
    this.#answeredAt = performance.now();
    this.#answered = count;
  }

  /** Nothing goes by itself any more. */
  stop(): void {
    clearImmediate(this.#immediate);
    clearTimeout(this.#timer);
    this.#wakeUp();
  }

  #count(now: number): void {
    const elapsed = now - this.#countedFrom;
    if (elapsed >= LOOK_BACK_MS) {
      this.#rate = (this.#counted * 1000) / elapsed;
      this.#counted = 0;
      this.#countedFrom = now;
    }
    this.#counted++;
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => this.#look(), ms);
    // Not before this turn of the event loop is over: it may bring enough for a group.
    if (ms > QUIET_MS && this.#rate < BUSY) this.#beforeRest ??= setImmediate(() => this.#rest());
  }

  #rest(): void {
    this.#beforeRest = undefined;
    this.#resting = true;
    this.#onRest(true);
  }

  #wakeUp(): void {
    clearImmediate(this.#beforeRest);
    this.#beforeRest = undefined;
    if (!this.#resting) return;
    this.#resting = false;
    this.#onRest(false);
  }

  #look(): void {
    const now = performance.now();
    const left = this.#due - now;
    if (left >= 1 && this.#isReply && !this.#resting) {
      const none = this.#answered >= MANY && this.#size < this.#answered / 4;
      if (none) this.#trusted = TRUSTED;
      if (none || now - this.#latestAt <= QUIET_MS / 2) this.#wait(left);
      else this.#leave();
    } else if (left >= 1) this.#wait(left);
    // What lies unread is read before the group leaves: sockets come before immediates.
    else if (this.#resting) this.#soon();
    else this.#leave();
  }

  #soon(): void {
    clearTimeout(this.#timer);
    this.#wakeUp();
    this.#immediate ??= setImmediate(() => this.#leave());
  }

  #leave(): void {
    const now = performance.now();
    const size = this.#size;
    if (size > 0 && size < LARGE) this.#trickle.step(now);
    this.stop();
    this.#immediate = undefined;
    this.#timer = undefined;
    this.#size = 0;
    this.#urgent = false;
    this.#go();
    if (this.#trusted === 0) return;
    // Where a rest brought nothing, the next one begins with something again.
    this.#trusted = size === 0 ? 0 : this.#trusted - 1;
    if (size === 0 || size >= LARGE || this.#rate >= BUSY || !this.#trickle.isSteady(now)) return;
    this.#due = now + PATIENCE_MS;
    this.#wait(PATIENCE_MS);
  }
}
