import type { Receive } from '../input.ts';

type Accepts = Receive['accepts'];

const ASK_EVERY_MS = 500;

/** Whether devices are turned away: from the moment the buffer refuses a message until it says that it takes some again. */
export class Refusing {
  #accepts: Accepts;
  #timer: NodeJS.Timeout | undefined;

  get isOn(): boolean {
    return this.#timer !== undefined;
  }

  /** Who knows whether messages are taken again. Without anybody, they are tried again after a while. */
  ask(accepts: Accepts): void {
    this.#accepts = accepts;
  }

  begin(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => {
      (this.#accepts?.() ?? Promise.resolve(true)).then(
        (accepted) => accepted && this.close(),
        // Who cannot answer does not accept.
        () => {},
      );
    }, ASK_EVERY_MS);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
