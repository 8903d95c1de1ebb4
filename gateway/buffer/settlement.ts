import type { Outcome } from './types.ts';

/** Waits for an outcome. */
export interface Waiter {
  settle(outcome: Outcome): void;
}

/**
 * An outcome that is not known yet. It can be awaited, but whoever has a thousand of them at a time lets a waiter be told instead (`whenSettled`):
 * promises with the functions that go with them are half a kilobyte for each message, and stay for as long as its commit takes.
 */
export class Settlement implements PromiseLike<Outcome> {
  #outcome: Outcome | undefined;
  #waiter: Waiter | undefined;

  /** To be called once. */
  settle(outcome: Outcome): void {
    this.#outcome = outcome;
    this.#waiter?.settle(outcome);
  }

  /** `waiter` is told as soon as the outcome is known, never before this returns. */
  tell(waiter: Waiter): void {
    const [outcome, other] = [this.#outcome, this.#waiter];
    if (outcome !== undefined) queueMicrotask(() => waiter.settle(outcome));
    else if (other === undefined) this.#waiter = waiter;
    else {
      this.#waiter = {
        settle(its) {
          other.settle(its);
          waiter.settle(its);
        },
      };
    }
  }

  // biome-ignore lint/suspicious/noThenProperty: it is to be awaited like a promise
  then<Value = Outcome, Other = never>(
    onSettled?: ((outcome: Outcome) => Value | PromiseLike<Value>) | null,
    onFailed?: ((reason: unknown) => Other | PromiseLike<Other>) | null,
  ): Promise<Value | Other> {
    return new Promise<Outcome>((settle) => this.tell({ settle })).then(onSettled, onFailed);
  }
}

/** Tells the waiter what became of a submission; `refused` where that cannot be known. */
export function whenSettled(outcome: PromiseLike<Outcome>, waiter: Waiter): void {
  if (outcome instanceof Settlement) outcome.tell(waiter);
  else {
    outcome.then(
      (its) => waiter.settle(its),
      () => waiter.settle('refused'),
    );
  }
}
