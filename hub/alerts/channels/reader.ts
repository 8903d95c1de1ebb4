import { TOPICS } from '../../../contract/index.ts';
import {
  type Admin,
  type Consumer,
  type IncomingRecord,
  type KafkaSettings,
  openConsumer,
  type Shared,
} from '../../../kafka/index.ts';

/** `notifications` has one partition: all of them in one order. */
const AT = { topic: TOPICS.notifications.name, partition: 0 };
/** Records that wait in memory; a notification has 100 KB at most. */
const MOST_WAITING = 50;

export interface ReaderOptions {
  readonly kafka: KafkaSettings;
  readonly admin: Shared<Admin>;
  readonly groupId: string;
  /** Done with when it resolves: the position moves on. `lost` aborts when the record has become another process's. */
  readonly handle: (record: IncomingRecord, lost: AbortSignal) => Promise<void>;
  /** This process has the partition, and the group's position in it; or has it no longer. */
  readonly onPosition: (next: number | null) => void;
}

/**
 * Reads notifications as a member of a group, one at a time and in order, until `stop`; the position is committed after each. A group that has none yet
 * begins at the present end: whoever adds a channel does not want last month's alerts.
 * @throws what ended the consumer
 */
export async function readNotifications(options: ReaderOptions, stop: AbortSignal): Promise<void> {
  const { kafka, admin, groupId, handle, onPosition } = options;
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => {});
  const opened = Promise.withResolvers<Consumer>();
  opened.promise.catch(() => {});
  let waiting: IncomingRecord[] = [];
  let wake = () => {};
  let isPaused = false;
  /** Aborts when another member gets the partition; undefined while one has it. */
  let turn: AbortController | undefined;
  /** First record that this process is not done with, whatever the group says; undefined before it first had the partition. */
  let next: number | undefined;

  async function startAt(): Promise<number> {
    const mine = turn!.signal;
    const consumer = await opened.promise;
    const committed = (await admin.use((a) => a.committed(groupId, AT.topic))).get(AT.partition);
    // The end that was found first stays where this channel begins: another would leave out what has come since.
    const start = committed ?? next ?? (await admin.use((a) => a.offsets(AT.topic)))[AT.partition]!.high;
    if (mine.aborted) return start;
    next = Math.max(next ?? 0, start);
    // Refused while the group is rearranged: after its next join this is asked again. Whatever else fails, the first commit of `work` makes up for.
    if (committed !== next) await consumer.commit([{ ...AT, offset: next }]).catch(() => {});
    onPosition(next);
    const last = waiting.at(-1);
    return last === undefined ? next : last.offset + 1;
  }

  const opening = openConsumer(kafka, {
    groupId,
    topics: [AT.topic],
    onAssigned(partitions) {
      if (partitions.length === 0) {
        turn?.abort();
        turn = undefined;
        waiting = [];
        return onPosition(null);
      }
      // What is under way goes on where the partition was ours before.
      turn ??= new AbortController();
    },
    startAt,
    async onBatch({ records }) {
      if (waiting.length >= MOST_WAITING) {
        isPaused = true;
        (await opened.promise).pause([AT]);
        return 'again';
      }
      const after = waiting.at(-1)?.offset ?? next! - 1;
      waiting.push(...records.filter(({ offset }) => offset > after));
      wake();
      return undefined;
    },
    onFailed: ended.reject,
  });
  const stopped = new Promise<undefined>((resolve) => {
    if (stop.aborted) resolve(undefined);
    stop.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const consumer = await Promise.race([opening, stopped]);
  if (consumer === undefined) {
    opening.then((late) => late.close()).catch(() => {});
    return;
  }
  opened.resolve(consumer);

  async function work(): Promise<void> {
    while (!stop.aborted) {
      const [record] = waiting;
      if (record === undefined) {
        if (isPaused) {
          isPaused = false;
          consumer!.resume([AT]);
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      const mine = turn!.signal;
      if (record.offset >= next!) await handle(record, AbortSignal.any([mine, stop]));
      if (stop.aborted || mine.aborted) continue;
      waiting.shift();
      next = Math.max(next!, record.offset + 1);
      onPosition(next);
      // One that fails, as while the group is rearranged, is made up for by the next, or when the partition is given anew.
      await consumer!.commit([{ ...AT, offset: next }]).catch(() => {});
    }
  }
  try {
    const working = work();
    working.catch(() => {});
    await Promise.race([working, ended.promise, stopped]);
    wake();
    await Promise.race([working, ended.promise]);
  } finally {
    turn?.abort();
    onPosition(null);
    await consumer.close();
  }
}
