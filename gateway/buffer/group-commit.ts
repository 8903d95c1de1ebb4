import { saysDamaged, saysUnreadable } from './database.ts';
import { OUTCOMES, READ_TRIES } from './protocol.ts';
import type { Store } from './store.ts';
import type { Submission } from './types.ts';

/** Commits start at least this far apart (each costs the disk a sync, and an SD card its life) … */
const COMMIT_EVERY_MS = 4;
/** … unless this many submissions wait. */
const EARLY = 250;
const GROUP = 1000;
const GROUP_LENGTH = 512 * 1024;
/** Records grow too old also while nothing arrives. */
const TIDY_EVERY_MS = 10_000;
/** After the disk failed, submissions are refused this long before it is tried again. */
const RETRY_AFTER_MS = 1000;
const REFUSED = OUTCOMES.indexOf('refused');

export interface GroupCommitOptions {
  readonly store: Store;
  /** Takes in what has arrived but was not delivered yet: called before a group is closed. */
  readonly gather: () => void;
  /** The outcomes of the oldest unanswered submissions, in their order. */
  readonly onOutcomes: (outcomes: Uint8Array) => void;
  /** The database is damaged; nothing more will be done. */
  readonly onDamaged: (error: unknown) => void;
}

/**
 * Gathers submissions into commits. What has come is committed at once; what arrives during a commit makes the next group, so groups grow with the
 * load and with the disk's slowness. (A steady load of single submissions is gathered before it comes here: see gathering.ts.) When the disk fails,
 * submissions are refused until it works again.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #store: Store;
  readonly #tidying: NodeJS.Timeout;
  #waiting: Submission[] = [];
  #releases = new Map<number, number>();
  #released: (() => void)[] = [];
  #lastStart = Number.NEGATIVE_INFINITY;
  #due = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #running = false;
  #ended = false;
  /** Tries that said the file is damaged, one after the other: of each work, as each looks at other places. */
  readonly #damaged = { commit: 0, checkpoint: 0, shrink: 0 };
  #shrinkFrom = 0;
  #trouble: { readonly message: string; readonly until: number } | undefined;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#tidying = setInterval(() => this.#schedule(0), TIDY_EVERY_MS);
  }

  /** Why submissions are refused now. */
  get problem(): string | null {
    return this.trouble ?? (this.#store.full ? 'the buffer is full' : null);
  }

  /** What the disk failed at when it was written last. */
  get trouble(): string | null {
    return this.#trouble?.message ?? null;
  }

  submit(submissions: Submission[]): void {
    for (const submission of submissions) this.#waiting.push(submission);
    this.#scheduleWaiting();
  }

  /** With the next commit, which this asks for. */
  release(lane: number, sequence: number, done: () => void): void {
    this.#releases.set(lane, Math.max(sequence, this.#releases.get(lane) ?? 0));
    this.#released.push(done);
    this.#scheduleWaiting();
  }

  /** Commits all that waits and ends. */
  close(): void {
    while (!this.#ended && (this.#waiting.length > 0 || this.#releases.size > 0)) {
      this.#commit();
      if (this.#trouble && this.#waiting.length === 0) break;
    }
    this.stop();
  }

  /** Ends without committing anything more. */
  stop(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    clearInterval(this.#tidying);
  }

  #scheduleWaiting(): void {
    const early = this.#waiting.length >= EARLY;
    this.#schedule(early ? 0 : this.#lastStart + COMMIT_EVERY_MS - performance.now());
  }

  #schedule(inMs: number): void {
    const due = performance.now() + inMs;
    if (this.#running || this.#ended || due >= this.#due) return;
    this.#due = due;
    clearTimeout(this.#timer);
    if (inMs > 0) this.#timer = setTimeout(() => this.#run(), inMs);
    else {
      this.#running = true;
      setImmediate(() => this.#run());
    }
  }

  #run(): void {
    if (this.#ended) return;
    this.#running = true;
    this.#options.gather();
    if (this.#ended) return;
    this.#commit();
    this.#running = false;
    this.#due = Number.POSITIVE_INFINITY;
    if (this.#ended) return;
    if (this.#waiting.length > 0) this.#scheduleWaiting();
    else if (this.#store.behind && !this.#trouble) this.#schedule(0);
    else this.#shrink();
    if (this.#releases.size > 0) this.#schedule(RETRY_AFTER_MS);
  }

  #commit(): void {
    this.#lastStart = performance.now();
    const group = this.#takeGroup();
    if (this.#trouble && this.#lastStart < this.#trouble.until) {
      this.#store.refuse(group.length);
      if (group.length > 0) this.#options.onOutcomes(new Uint8Array(group.length).fill(REFUSED));
      return;
    }
    try {
      const outcomes = this.#store.commit(group, this.#releases);
      this.#trouble = undefined;
      this.#damaged.commit = 0;
      this.#releases = new Map();
      if (group.length > 0) this.#options.onOutcomes(outcomes);
      for (const done of this.#released.splice(0)) done();
    } catch (error) {
      this.#failed('commit', error);
      if (group.length > 0) this.#options.onOutcomes(new Uint8Array(group.length).fill(REFUSED));
      return;
    }
    this.#attempt('checkpoint', () => this.#store.checkpoint());
  }

  #takeGroup(): Submission[] {
    let length = 0;
    let size = 0;
    while (size < this.#waiting.length && size < GROUP && length < GROUP_LENGTH) {
      for (const { value } of this.#waiting[size]!.entries) length += value.length;
      size++;
    }
    if (size < this.#waiting.length) return this.#waiting.splice(0, size);
    const all = this.#waiting;
    this.#waiting = [];
    return all;
  }

  /** Gives disk back step by step, for as long as nothing else is to be done. */
  #shrink(): void {
    setImmediate(() => {
      if (this.#ended || this.#running || this.#trouble || this.#waiting.length > 0) return;
      if (performance.now() < this.#shrinkFrom) return;
      if (this.#attempt('shrink', () => this.#store.shrink())) this.#shrink();
    });
  }

  #attempt<T>(upkeep: 'checkpoint' | 'shrink', work: () => T): T | undefined {
    try {
      const done = work();
      this.#damaged[upkeep] = 0;
      return done;
    } catch (error) {
      this.#failed(upkeep, error);
      return undefined;
    }
  }

  #failed(work: 'commit' | 'checkpoint' | 'shrink', error: unknown): void {
    const damaged = saysDamaged(error) ? this.#damaged[work] + 1 : 0;
    this.#damaged[work] = damaged;
    const until = performance.now() + RETRY_AFTER_MS;
    if (damaged > 0 && (!saysUnreadable(error) || damaged >= READ_TRIES)) {
      this.#ended = true;
      this.#options.onDamaged(error);
    } else if (work === 'shrink') {
      // Nothing that devices send has to wait for this.
      this.#shrinkFrom = until;
    } else this.#trouble = { message: `the disk: ${(error as Error).message}`, until };
  }
}
