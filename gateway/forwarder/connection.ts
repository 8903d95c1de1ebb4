import type { Producer } from '../../kafka/index.ts';
import { PRODUCER_CLOSE_MS } from './limits.ts';
import { closeWithin, unless, within } from './waiting.ts';

export interface ConnectionOptions {
  readonly kafka: () => Promise<Producer>;
  /** How long opening a producer may take. */
  readonly openMs: number;
  /** Aborted: none is wanted any more. */
  readonly stop: AbortSignal;
  /** The next producer is ready. */
  readonly onNext: () => void;
  /** The next producer could not be opened. */
  readonly onRefused: (error: unknown) => void;
}

/**
 * The producer in use and, when credentials change, the one that follows it. That is opened while the present one still serves, so credentials that
 * turn out to be wrong do not cut off a gateway that is connected.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  #producer: Producer | undefined;
  #next: Producer | undefined;
  /** Counts the requests for a next one: what an older one opened is not wanted any more. */
  #request = 0;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Opens the first producer, or another after `close`. */
  async open(): Promise<void> {
    const opening = this.#open();
    try {
      this.#producer = await unless(this.#options.stop, opening);
    } catch (error) {
      closeLate(opening);
      throw error;
    }
  }

  /** Of an open connection. */
  get producer(): Producer {
    return this.#producer!;
  }

  /** Opens the next producer. */
  renew(): void {
    this.#dropNext();
    const request = this.#request;
    const { onNext, onRefused } = this.#options;
    this.#open().then(
      (producer) => {
        if (request !== this.#request) return void closeWithin(producer, PRODUCER_CLOSE_MS);
        this.#next = producer;
        onNext();
      },
      (error) => {
        if (request === this.#request) onRefused(error);
      },
    );
  }

  get hasNext(): boolean {
    return this.#next !== undefined;
  }

  /** Goes on with the next producer, if it is ready; gives whether it was. Nothing may be under way. */
  async takeNext(): Promise<boolean> {
    if (this.#next === undefined) return false;
    const before = this.#producer;
    this.#producer = this.#next;
    this.#next = undefined;
    if (before) await closeWithin(before, PRODUCER_CLOSE_MS);
    return true;
  }

  async close(): Promise<void> {
    this.#dropNext();
    const producer = this.#producer;
    this.#producer = undefined;
    if (producer) await closeWithin(producer, PRODUCER_CLOSE_MS);
  }

  #dropNext(): void {
    this.#request++;
    if (this.#next) void closeWithin(this.#next, PRODUCER_CLOSE_MS);
    this.#next = undefined;
  }

  async #open(): Promise<Producer> {
    const opening = this.#options.kafka();
    try {
      return await within(this.#options.openMs, 'connecting to Kafka', opening);
    } catch (error) {
      closeLate(opening);
      throw error;
    }
  }
}

/** Nobody waits for this producer any more. */
function closeLate(opening: Promise<Producer>): void {
  opening.then((late) => closeWithin(late, PRODUCER_CLOSE_MS)).catch(() => {});
}
