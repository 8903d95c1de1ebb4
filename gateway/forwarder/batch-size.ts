/** A batch is made small enough to be acknowledged within about this time, so that no alarm waits longer behind one on a slow link. */
const BATCH_MS = 500;
const SLOW_LINK_BYTES = 16_384;
const FIRST_BATCH_BYTES = 262_144;

/** How large the next batch may be, by what became of those before. All sizes are bytes before compression. */
export class BatchSize {
  #configured: number;
  /** At most the configured size, less where Kafka takes less. */
  #most: number;
  #bytes: number;

  constructor(most: number) {
    this.#configured = most;
    this.#most = most;
    this.#bytes = Math.min(FIRST_BATCH_BYTES, most);
  }

  get bytes(): number {
    return this.#bytes;
  }

  configure(most: number): void {
    this.#configured = most;
    this.reset();
    this.#bytes = Math.min(this.#bytes, most);
  }

  /** Batches grow while they are full and fast, and shrink on a slow link. */
  sent(bytes: number, elapsedMs: number): void {
    if (elapsedMs > BATCH_MS) this.#bytes = Math.max(SLOW_LINK_BYTES, bytes / 2);
    else if (elapsedMs < BATCH_MS / 4 && bytes > this.#bytes / 2) this.#bytes *= 2;
    this.#bytes = Math.min(this.#bytes, this.#most);
  }

  /** One did not arrive: less at a time. */
  lost(): void {
    this.#bytes = Math.min(this.#most, Math.max(SLOW_LINK_BYTES, this.#bytes / 2));
  }

  /** One was refused for what is in it: half of it at most, and so on until it is known which record it is. */
  refused(bytes: number): void {
    this.#most = bytes / 2;
    this.#bytes = this.#most;
  }

  /** It is known, so the others may be as many as ever. */
  reset(): void {
    this.#most = this.#configured;
  }
}
