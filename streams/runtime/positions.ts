import { HeadwaterError } from '../../contract/index.ts';
import type { IncomingBatch } from '../../kafka/index.ts';
import type { Offsets } from './checkpoint.ts';

export interface Bounds {
  readonly low: number;
  readonly high: number;
}

/** Where a task is in each of its inputs. */
export class Positions {
  /** Next offset to process. */
  readonly #next = new Map<string, number>();
  /** Up to where there is nothing more to process: beyond the next offset where transaction markers follow. */
  readonly #reached = new Map<string, number>();
  readonly #end = new Map<string, number>();

  /**
   * Starts an input where the checkpoint left it, or at its beginning.
   * @returns how many records retention has deleted unprocessed
   * @throws HeadwaterError `INPUT_SHORTER_THAN_CHECKPOINT`
   */
  start(topic: string, { low, high }: Bounds, checkpoint: number | undefined): number {
    if (checkpoint !== undefined && checkpoint > high) {
      const message = `${topic} ends at ${high}, but was processed up to ${checkpoint}. If the topic was made anew, reset the step (--reset-step).`;
      throw new HeadwaterError('INPUT_SHORTER_THAN_CHECKPOINT', message, { retryable: true });
    }
    const next = Math.max(low, checkpoint ?? low);
    this.#next.set(topic, next);
    this.#end.set(topic, high);
    return next - (checkpoint ?? low);
  }

  of(topic: string): number {
    return this.#next.get(topic)!;
  }

  /** @throws HeadwaterError `INPUT_HOLE` where the batch does not follow what was processed */
  requireFollowedBy(batch: IncomingBatch): void {
    requireNoHole(batch, this.#reachedOf(batch.topic));
  }

  processed(topic: string, next: number, end: number): void {
    this.#next.set(topic, Math.max(next, this.of(topic)));
    this.#end.set(topic, end);
  }

  skipped(topic: string, next: number): void {
    this.#reached.set(topic, next);
  }

  hasReached(topic: string, offset: number): boolean {
    return this.#reachedOf(topic) >= offset;
  }

  /** The end of an input when last heard of. */
  endOf(topic: string): number {
    return this.#end.get(topic)!;
  }

  get lag(): number {
    let lag = 0;
    for (const topic of this.#next.keys()) lag += Math.max(0, this.endOf(topic) - this.#reachedOf(topic));
    return lag;
  }

  entries(): Iterable<[topic: string, next: number]> {
    return this.#next.entries();
  }

  get offsets(): Offsets {
    return Object.fromEntries(this.#next);
  }

  #reachedOf(topic: string): number {
    return Math.max(this.of(topic), this.#reached.get(topic) ?? 0);
  }
}

/** @throws HeadwaterError `INPUT_HOLE` */
export function requireNoHole({ topic, partition, from }: IncomingBatch, position: number): void {
  if (from <= position) return;
  const message = `${topic}/${partition} went on at ${from} where ${position} was next`;
  throw new HeadwaterError('INPUT_HOLE', message, { retryable: true });
}
