import { HeadwaterError, TOPICS } from '../../../contract/index.ts';
import { type KafkaSettings, openAdmin, openConsumer, type Start, type TopicPartition } from '../../../kafka/index.ts';
import { type Feed, type FeedState, openIntake } from './feed.ts';
import { RESULT_TOPICS } from './results.ts';
import type { Store } from './store.ts';

export interface LiveFeedOptions {
  readonly kafka: KafkaSettings;
  readonly store: Store;
  /** Ms since the epoch. */
  readonly clock: () => number;
  /** Told what went wrong; the feed goes on by itself. */
  readonly warn?: (error: Error) => void;
  /** One group for each store: a second member of a group would take half of its partitions. */
  readonly groupId?: string;
  /** Topics of windows of jobs that were added to the hub. Those that nobody has made yet are read from when somebody has. */
  readonly own?: readonly string[];
}

const COMMIT_EVERY_MS = 5_000;
const PRUNE_EVERY_MS = 1_000;
const LOOK_EVERY_MS = 5_000;
const SHORTEST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

const nameOf = ({ topic, partition }: TopicPartition) => `${topic}/${partition}`;

/**
 * Reads readings and every topic of results as they are committed, stores the results and hands everything to the subscribers. Results are
 * read on from the position in the store; readings, which are not stored, from the present end. It opens a new consumer when one fails.
 */
export function startLiveFeed(options: LiveFeedOptions): Feed {
  const { kafka, store, clock, warn = () => {}, groupId = 'page.live', own = [] } = options;
  const intake = openIntake(store, clock, warn);
  /** Partitions of readings that were read before, so that after a rebalance they go on where they were. */
  const begun = new Set<string>();
  const stop = new AbortController();
  let state: FeedState['state'] = 'starting';
  let detail = '';

  function startAt(at: TopicPartition): Start {
    if (at.topic !== TOPICS.readings.name) return store.position(at) ?? 'earliest';
    // What an earlier run did not see is no longer live.
    if (!begun.has(nameOf(at))) store.forget(at);
    begun.add(nameOf(at));
    return store.position(at) ?? 'latest';
  }

  const stopped = new Promise<undefined>((resolve) => stop.signal.addEventListener('abort', () => resolve(undefined)));
  const orStopped = <T>(promise: Promise<T>) => Promise.race([promise, stopped]);

  /** Reads with one consumer until the feed is closed. @throws whatever ended the consumer */
  async function read(): Promise<void> {
    const there = await orStopped(existing(kafka, own));
    if (there === undefined) return;
    const ended = Promise.withResolvers<void>();
    // It may fail before anyone waits for it.
    ended.promise.catch(() => {});
    let owned: readonly TopicPartition[] = [];

    const opening = openConsumer(kafka, {
      groupId,
      topics: [...RESULT_TOPICS, ...there],
      onAssigned(partitions) {
        owned = partitions;
        state = 'live';
        detail = '';
      },
      startAt,
      async onBatch(batch) {
        intake.accept(batch);
        return undefined;
      },
      onSkipped: intake.skip,
      onFailed: ended.reject,
    });
    const consumer = await orStopped(opening);
    if (consumer === undefined) {
      // A cluster that is away must not hold up the end of the program.
      opening.then((late) => late.close()).catch(warn);
      return;
    }
    const looking = setInterval(async () => {
      if (there.length === own.length) return clearInterval(looking);
      const now = await existing(kafka, own).catch(() => there);
      if (now.length > there.length) ended.resolve();
    }, LOOK_EVERY_MS);

    const commit = setInterval(() => {
      const positions = owned.flatMap((at) => {
        const offset = store.position(at);
        return offset === undefined ? [] : [{ ...at, offset }];
      });
      // Only lag figures depend on it: one that fails is made up for by the next.
      consumer.commit(positions).catch(warn);
    }, COMMIT_EVERY_MS);
    try {
      await orStopped(ended.promise);
    } finally {
      clearInterval(commit);
      clearInterval(looking);
      await consumer.close();
    }
  }

  async function readOn(): Promise<void> {
    let waitMs = SHORTEST_WAIT_MS;
    while (!stop.signal.aborted) {
      const begunAt = clock();
      try {
        await read();
      } catch (cause) {
        if (clock() - begunAt > LONGEST_WAIT_MS) waitMs = SHORTEST_WAIT_MS;
        state = 'failed';
        detail = `${(cause as Error).message}; trying again`;
        warn(
          new HeadwaterError('FEED_INTERRUPTED', `the live feed was interrupted: ${detail}`, {
            cause,
            retryable: true,
          }),
        );
        const pause = Promise.withResolvers<void>();
        const timer = setTimeout(pause.resolve, waitMs);
        await orStopped(pause.promise);
        clearTimeout(timer);
        waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS);
      }
    }
  }

  const pruning = setInterval(() => {
    try {
      store.prune(clock());
    } catch (error) {
      warn(error as Error);
    }
  }, PRUNE_EVERY_MS);
  const reading = readOn();

  return {
    subscribe: intake.subscribe,
    state: () => ({ state, detail, ...intake.counts() }),
    async close() {
      clearInterval(pruning);
      stop.abort();
      await reading;
      state = 'closed';
    },
  };
}

/** A consumer that asks for a topic that is not there would read none at all. */
async function existing(kafka: KafkaSettings, wanted: readonly string[]): Promise<readonly string[]> {
  if (wanted.length === 0) return [];
  const admin = await openAdmin(kafka);
  try {
    const names = new Set((await admin.topics()).map(({ name }) => name));
    return wanted.filter((name) => names.has(name));
  } finally {
    await admin.close();
  }
}
