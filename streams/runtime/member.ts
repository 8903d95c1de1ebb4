import { type Consumer, openConsumer, type TopicPartition } from '../../kafka/index.ts';
import { briefly, every } from './clock.ts';
import { groupOf, type PartitionReader, type StepContext } from './context.ts';
import type { TaskStatus } from './status.ts';
import { TaskRunner } from './task-runner.ts';

const TICK_MS = 1_000;
const TELL_GROUP_MS = 5_000;
const LEAVE_MS = 5_000;

/** One membership in a step's consumer group, with a task for each partition number the group gives it. */
export class Member {
  readonly #context: StepContext;
  readonly #onFailed: (error: unknown) => void;
  readonly #onGone: (task: TaskStatus) => void;
  readonly #tasks = new Map<number, TaskRunner>();
  #consumer: Consumer | undefined;
  /** What the group gave before there was a consumer to pause. */
  #assigned: readonly TopicPartition[] = [];
  #stopTimers = () => {};
  #closed = false;

  private constructor(context: StepContext, onFailed: (error: unknown) => void, onGone: (task: TaskStatus) => void) {
    this.#context = context;
    this.#onFailed = onFailed;
    this.#onGone = onGone;
  }

  /**
   * `onFailed` is called when the membership is over, or a task cannot run and trying again is of no use; it must then be closed.
   * `onGone` with the last status of a task that another process has now, or that ends with the membership.
   * @throws HeadwaterError `KAFKA_…`
   */
  static async join(
    context: StepContext,
    onFailed: (error: unknown) => void,
    onGone: (task: TaskStatus) => void,
  ): Promise<Member> {
    const { step, stateTopic, kafka, clock } = context;
    const member = new Member(context, onFailed, onGone);
    member.#consumer = await openConsumer(kafka, {
      groupId: groupOf(step),
      topics: [...step.tables, ...step.streams, stateTopic],
      onAssigned: (partitions) => member.#assign(partitions),
      onBatch: async (batch) => {
        const task = member.#tasks.get(batch.partition);
        return task ? task.onBatch(batch) : 'again';
      },
      onSkipped: ({ topic, partition, next }) => member.#tasks.get(partition)?.onSkipped(topic, next),
      onFailed,
    });
    member.#assign(member.#assigned);
    const stopTicks = every(clock, TICK_MS, () => {
      for (const task of member.#tasks.values()) task.tick(clock.now());
    });
    const stopTelling = every(clock, TELL_GROUP_MS, () => member.#tellGroup());
    member.#stopTimers = () => {
      stopTicks();
      stopTelling();
    };
    return member;
  }

  status(): TaskStatus[] {
    return [...this.#tasks.values()].map((task) => task.status()).sort((a, b) => a.partition - b.partition);
  }

  /** Ends all tasks, committing first what they have processed where `flush` is true, and leaves the group. */
  async close(flush: boolean): Promise<void> {
    this.#closed = true;
    this.#stopTimers();
    await Promise.all([...this.#tasks.values()].map((task) => task.close(flush)));
    for (const task of this.#tasks.values()) this.#onGone(task.status());
    this.#tasks.clear();
    const { clock, log, step } = this.#context;
    const fields = { step: step.id, waitedMs: LEAVE_MS };
    const onLate = () => log.warn(fields, 'left the group without its answer; it notices by itself within seconds');
    await briefly(clock, LEAVE_MS, this.#consumer!.close(), onLate);
  }

  /** Tasks that stay keep their state; the others end, and new ones begin. */
  #assign(assigned: readonly TopicPartition[]): void {
    this.#assigned = assigned;
    if (!this.#consumer || this.#closed) return;
    const mine = new Set(assigned.filter((a) => a.topic === this.#context.stateTopic).map((a) => a.partition));
    for (const [partition, task] of this.#tasks) {
      if (mine.has(partition)) {
        task.rejoined();
        continue;
      }
      this.#tasks.delete(partition);
      this.#onGone(task.status());
      void task.close(false);
    }
    for (const partition of mine) {
      if (this.#tasks.has(partition)) continue;
      this.#tasks.set(partition, new TaskRunner(this.#context, readerOf(this.#consumer, partition), this.#onFailed));
    }
  }

  /** For lag figures only, so it does not matter when it fails. */
  #tellGroup(): void {
    const positions: (TopicPartition & { offset: number })[] = [];
    for (const [partition, task] of this.#tasks) {
      for (const [topic, offset] of Object.entries(task.committed)) positions.push({ topic, partition, offset });
    }
    if (positions.length > 0) this.#consumer!.commit(positions).catch(() => {});
  }
}

function readerOf(consumer: Consumer, partition: number): PartitionReader {
  const all = (topics: readonly string[]) => topics.map((topic) => ({ topic, partition }));
  // A client that is ending refuses these; that it ends is told by `onFailed`, and nothing more is delivered meanwhile.
  const unlessEnding = (action: () => void) => {
    try {
      action();
    } catch {}
  };
  return {
    partition,
    seek: (topic, offset) => consumer.seek({ topic, partition, offset }),
    pause: (topics) => unlessEnding(() => consumer.pause(all(topics))),
    resume: (topics) => unlessEnding(() => consumer.resume(all(topics))),
  };
}
