import { HeadwaterError } from '../../../contract/index.ts';
import type { IncomingBatch, TopicPartition } from '../../../kafka/index.ts';
import { type Results, readResults } from './results.ts';
import type { Store } from './store.ts';

/** What the feed has to say to an operator. */
export interface FeedState {
  /** `starting` until partitions are assigned for the first time; `failed` while it waits to open a consumer again. */
  readonly state: 'starting' | 'live' | 'failed' | 'closed';
  /** Why it failed, for people. */
  readonly detail: string;
  /** Records taken since the feed was opened. */
  readonly records: number;
  /** Records that were not what their topic promises, since the feed was opened. */
  readonly unreadable: number;
}

/** Called with the results of a batch once they are stored, and with the topic they came from. It must not throw and must be quick. */
export type Listener = (results: Results, topic: string) => void;

/** Results as they arrive. */
export interface Feed {
  /** Gives the function that ends the subscription. */
  subscribe(listener: Listener): () => void;
  state(): FeedState;
  close(): Promise<void>;
}

/** Stores batches and hands them on: the feed without its source. */
export interface Intake {
  /** Stores what of the batch was not stored before, then tells the listeners. @throws the store's error, and then nothing was stored */
  accept(batch: IncomingBatch): void;
  /** Stores that a partition moved on over nothing. */
  skip(at: TopicPartition & { readonly next: number }): void;
  subscribe(listener: Listener): () => void;
  /** Records taken, and those that were not what their topic promises. */
  counts(): { readonly records: number; readonly unreadable: number };
}

export function openIntake(store: Store, clock: () => number, warn: (error: Error) => void): Intake {
  const listeners = new Set<Listener>();
  let taken = 0;
  let unreadable = 0;

  return {
    accept(batch) {
      let next = store.position(batch);
      if (next !== undefined && next > batch.highWatermark) {
        // Offsets only grow, so this is another topic of the same name: a cluster made anew under an old store.
        store.forget(batch);
        next = undefined;
      }
      const from = next ?? 0;
      const records = batch.records.filter((record) => record.offset >= from);
      if (batch.next <= from) return;
      const results = readResults(batch.topic, records);
      store.apply({ topic: batch.topic, partition: batch.partition, next: batch.next }, results, clock());
      taken += records.length;
      const [first] = results.unreadable;
      if (first !== undefined) {
        unreadable += results.unreadable.length;
        warn(
          new HeadwaterError(
            'RESULT_UNREADABLE',
            `${results.unreadable.length} records of ${batch.topic}/${batch.partition} are not what the contract says, the first at offset ${first.offset}: ${first.reason}. They were passed over; look for a program that writes another version.`,
          ),
        );
      }
      for (const listener of listeners) listener(results, batch.topic);
    },
    skip: (at) => store.apply(at, readResults(at.topic, []), clock()),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    counts: () => ({ records: taken, unreadable }),
  };
}
