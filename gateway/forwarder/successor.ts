import type { Producer } from '../../kafka/index.ts';
import { closeWithin } from './waiting.ts';

/**
 * Opens the producer that follows the present one, for instance with a renewed password, while the present one still serves. So credentials that
 * turn out to be wrong do not cut off a gateway that is connected.
 */
export class Successor {
  readonly #open: () => Promise<Producer>;
  readonly #onReady: () => void;
  readonly #onFailed: (error: unknown) => void;
  #ready: Producer | undefined;
  /** Counts the requests: what an older one opened is not wanted any more. */
  #request = 0;

  constructor(open: () => Promise<Producer>, onReady: () => void, onFailed: (error: unknown) => void) {
    this.#open = open;
    this.#onReady = onReady;
    this.#onFailed = onFailed;
  }

  request(): void {
    this.drop();
    const request = this.#request;
    this.#open().then(
      (producer) => {
        if (request !== this.#request) return void closeWithin(producer, 0);
        this.#ready = producer;
        this.#onReady();
      },
      (error) => {
        if (request === this.#request) this.#onFailed(error);
      },
    );
  }

  get isReady(): boolean {
    return this.#ready !== undefined;
  }

  /** The producer, if it is ready; it is the caller's from then on. */
  take(): Producer | undefined {
    const ready = this.#ready;
    this.#ready = undefined;
    return ready;
  }

  /** None is wanted any more. */
  drop(): void {
    this.#request++;
    const ready = this.take();
    if (ready) void closeWithin(ready, 0);
  }
}
