import { setTimeout as sleep } from 'node:timers/promises';
import { type Consumer, type KafkaSettings, openConsumer, type TopicPartition } from '../../../kafka/index.ts';
import type { InfluxConfig } from './config.ts';
import { openGuard } from './guard.ts';
import { letterOfMissed, openLetters } from './letters.ts';
import { openMapper } from './mapper.ts';
import { MEASUREMENTS, type Measurement } from './points.ts';
import { openQueue, type Part, type Reader } from './queue.ts';
import { openServer } from './server.ts';
import { TryAgain, writeLines } from './writer.ts';

export interface InfluxSinkOptions {
  /** The user `stores`. */
  readonly kafka: KafkaSettings;
  readonly influx: InfluxConfig;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
  /** Hubs of one group share the partitions. */
  readonly groupId?: string;
  /** What is stored, and how; that of the catalogue unless given. */
  readonly measurements?: readonly Measurement[];
  /** Of those that are stored; all of them unless given. */
  readonly topics?: readonly string[];
  /** Ms since the epoch. */
  readonly clock?: () => number;
}

export interface InfluxSinkStatus {
  /** `starting` until it reads; `failed` while InfluxDB or Kafka do not take or give anything. */
  readonly state: 'starting' | 'ready' | 'failed' | 'closed';
  /** What it does, or what is wrong and what to do, for people. */
  readonly detail: string;
  /** Records of its partitions that are not stored yet. */
  readonly lag: number;
  /** Since it was started. */
  readonly points: number;
  readonly writes: number;
  /** Writes that had to be tried again. */
  readonly retries: number;
  /** Records that went to `dead-letters`, by code. */
  readonly deadLetters: Readonly<Record<string, number>>;
  /** Points of series beyond the limit. */
  readonly turnedAway: number;
  /** Points older than their bucket keeps any. */
  readonly expired: number;
  /** Offsets that Kafka had deleted before they were read, by topic. */
  readonly missed: Readonly<Record<string, number>>;
}

export interface InfluxSink {
  status(): InfluxSinkStatus;
  /** Waits some seconds for the write that is under way, and tells Kafka what is stored. */
  close(): Promise<void>;
}

export const INFLUX_GROUP = 'stores.influx';
/** Windows of own jobs are read apart: where their topics or rights are missing, everything else is stored all the same. */
export const INFLUX_OWN_GROUP = 'stores.influx.own';

/** InfluxDB takes batches of this size best. */
const BATCH_POINTS = 10_000;
const COMMIT_EVERY_MS = 1_000;
const SHORTEST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 30_000;
const CLOSING_MS = 5_000;

/**
 * Carries records of Kafka into InfluxDB. Kafka is told that a record is done when InfluxDB has stored its points, or `dead-letters` says why it has not:
 * nothing is skipped, and what is written again after a crash is the same points. It goes on by itself after whatever happens to either side, and holds at
 * most some ten thousand points meanwhile.
 */
export function startInfluxSink(options: InfluxSinkOptions): InfluxSink {
  const { kafka, influx, log, groupId = INFLUX_GROUP, measurements = MEASUREMENTS, clock = Date.now } = options;
  const topics = options.topics ?? [...new Set(measurements.map(({ topic }) => topic.name))];
  const server = openServer(influx);
  const letters = openLetters(kafka, clock);
  const guard = openGuard({
    maxSeries: influx.maxSeries,
    clock,
    warn: (overflow) =>
      log.warn(
        overflow,
        `${overflow.measurement} has more than ${overflow.maxSeries} series: points of further ones go to dead-letters. The tag ${overflow.tag} has ${overflow.values} values; find out who makes them up, or raise stores.influx.maxSeries`,
      ),
  });
  const mapper = openMapper(measurements, guard);
  const stop = new AbortController();
  const totals = { points: 0, writes: 0, retries: 0, expired: 0 };
  const missed: Record<string, number> = {};
  let state: InfluxSinkStatus['state'] = 'starting';
  let detail = 'joins its consumer group';
  let lag = () => 0;

  const fail = (text: string) => {
    if (detail !== text) log.warn({ url: influx.url }, text);
    state = 'failed';
    detail = text;
  };

  /** Reads with one consumer and writes what it gives until the sink is closed. @throws whatever ended the consumer */
  async function session(): Promise<void> {
    const ended = new AbortController();
    const over = AbortSignal.any([ended.signal, stop.signal]);
    let failure: unknown;
    let joined = false;
    let consumer: Consumer | undefined;
    const reader: Reader = {
      pause: (partitions) => consumer?.pause(partitions),
      resume: (partitions) => consumer?.resume(partitions),
    };
    const queue = openQueue(reader, over);
    lag = queue.lag;
    const opening = openConsumer(kafka, {
      groupId,
      topics,
      maxBytesPerPartition: 1_048_576,
      onAssigned(partitions, isNewMember) {
        queue.assign(partitions, isNewMember);
        // What failed was an earlier consumer; where no record comes, no write would say that all is well again.
        if (!joined) [state, detail] = ['ready', 'waits for records'];
        joined = true;
      },
      onBatch: async (batch) => queue.offer(batch, () => mapper.read(batch)),
      onSkipped: (at) => queue.skip(at),
      onMissed(at) {
        const gone = queue.miss(at, letterOfMissed);
        if (gone === undefined) return;
        const { topic, partition, from, to } = gone;
        missed[topic] = (missed[topic] ?? 0) + to - from;
        log.warn(
          { topic, partition, from, to, missed: to - from },
          `Kafka had deleted ${to - from} offsets of ${topic}/${partition} before InfluxDB had them: it, or the hub, was away for longer than the topic is kept. What they held is not stored; dead-letters tells of them (RECORDS_MISSED)`,
        );
      },
      onFailed(error) {
        failure = error;
        ended.abort();
      },
    });
    consumer = await unlessAborted(opening, stop.signal);
    if (consumer === undefined) {
      // A cluster that is away must not hold up the end of the program.
      opening.then((late) => late.close()).catch(() => {});
      return;
    }
    const committing = openCommits(consumer, queue.owns, (error) => log.warn({ err: error }, 'InfluxDB sink'));
    try {
      while (!over.aborted) {
        const parts = await queue.take(BATCH_POINTS);
        if (parts.length === 0) continue;
        const stored = (await store(parts, over, queue.owns)).filter(queue.owns);
        queue.done(parts, stored);
        committing.add(stored);
      }
    } finally {
      await committing.close();
      await consumer.close();
    }
    if (failure !== undefined) throw failure;
  }

  /** Stores parts, trying again for as long as they are this process's to store. Gives those that are stored. */
  async function store(
    parts: readonly Part[],
    over: AbortSignal,
    isOurs: (part: Part) => boolean,
  ): Promise<readonly Part[]> {
    for (let failures = 0; ; failures++) {
      const ours = parts.filter(isOurs);
      let waitMs = backOff(failures);
      try {
        const lines = ours.flatMap((part) => part.lines);
        const { refused, expired } = await writeLines(server, lines, clock);
        const problems = refused.map(({ line, reason }) => ({ ...line, code: 'INFLUX_REFUSED', reason }));
        await letters.send([...ours.flatMap((part) => part.letters), ...problems]);
        totals.points += lines.length - refused.length - expired;
        totals.expired += expired;
        totals.writes++;
        [state, detail] = ['ready', ''];
        return ours;
      } catch (error) {
        if (over.aborted) return [];
        if (error instanceof TryAgain) {
          const { afterMs } = error.answer;
          if (afterMs !== undefined) waitMs = afterMs + Math.random() * (1_000 + afterMs / 10);
          fail(error.message);
        } else fail(`${(error as Error).message}; trying again`);
        totals.retries++;
      }
      await pause(waitMs, over);
      if (over.aborted) return [];
    }
  }

  async function run(): Promise<void> {
    for (let failures = 0; !stop.signal.aborted; failures++) {
      const begun = clock();
      try {
        await session();
      } catch (error) {
        if (clock() - begun > LONGEST_WAIT_MS) failures = 0;
        fail(`${(error as Error).message}; trying again`);
        await pause(backOff(failures), stop.signal);
      }
    }
  }

  const running = run();
  return {
    status: () => ({
      state,
      detail: state === 'ready' ? `${totals.points} points stored, ${lag()} records to go` : detail,
      lag: lag(),
      ...totals,
      deadLetters: letters.sent(),
      turnedAway: guard.turnedAway(),
      missed: { ...missed },
    }),
    async close() {
      stop.abort();
      // The connection's end is the write's.
      const impatient = setTimeout(server.close, CLOSING_MS);
      await running;
      clearTimeout(impatient);
      server.close();
      await letters.close();
      state = 'closed';
    },
  };
}

/** Tells the group what is stored, at most once in a while. */
export function openCommits(
  consumer: Pick<Consumer, 'commit'>,
  owns: (at: TopicPartition) => boolean,
  warn: (error: Error) => void,
) {
  const positions = new Map<string, TopicPartition & { offset: number }>();
  let before = Promise.resolve();
  const tell = async () => {
    const due = [...positions].filter(([, at]) => owns(at));
    positions.clear();
    if (due.length === 0) return;
    try {
      await consumer.commit(due.map(([, at]) => at));
    } catch (error) {
      warn(error as Error);
      // Where nothing more comes, nothing else would tell of these.
      for (const [name, at] of due) if (!positions.has(name)) positions.set(name, at);
    }
  };
  // One after the other: an earlier one that is tried again must not come after a later one.
  const commit = () => {
    before = before.then(tell);
    return before;
  };
  const timer = setInterval(commit, COMMIT_EVERY_MS);
  return {
    add(parts: readonly Part[]) {
      for (const { topic, partition, next } of parts) {
        positions.set(`${topic}/${partition}`, { topic, partition, offset: next });
      }
    },
    async close() {
      clearInterval(timer);
      await commit();
    },
  };
}

/** Doubles from 250 ms to 30 s with each failure in a row, half of it chance: hubs do not all come back at once. */
function backOff(failures: number): number {
  const most = Math.min(SHORTEST_WAIT_MS * 2 ** failures, LONGEST_WAIT_MS);
  return most / 2 + (Math.random() * most) / 2;
}

/** Resolves after `ms`, or at once when the signal aborts. */
const pause = (ms: number, signal: AbortSignal) => sleep(ms, undefined, { signal }).catch(() => {});

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const aborted = Promise.withResolvers<undefined>();
  const onAbort = () => aborted.resolve(undefined);
  signal.addEventListener('abort', onAbort);
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
