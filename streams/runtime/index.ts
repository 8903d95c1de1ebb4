import { HeadwaterError } from '../../contract/index.ts';
import { type KafkaSettings, openAdmin, shared } from '../../kafka/index.ts';
import type { Step } from '../core/index.ts';
import { type Clock, systemClock } from './clock.ts';
import { groupOf, type Log, stateTopicOf } from './context.ts';
import type { StepStatus } from './status.ts';
import { StepRunner } from './step-runner.ts';

export { type Clock, systemClock } from './clock.ts';
export { type Log, stateTopicOf } from './context.ts';
export type { StepStatus, StepTotals, TaskStatus } from './status.ts';

export interface RunOptions {
  readonly kafka: KafkaSettings;
  readonly log: Log;
  readonly clock?: Clock;
  /** A step was given up, because trying again is of no use; the others go on. */
  readonly onGivenUp?: (error: HeadwaterError, step: string) => void;
}

export interface RunningSteps {
  status(): StepStatus[];
  /** Commits what was processed, leaves the groups and closes all connections. */
  close(): Promise<void>;
}

/** Runs steps in this process until closed, sharing their partitions with other processes that run the same ones. What fails starts again by itself. */
export function runSteps(steps: readonly Step[], options: RunOptions): RunningSteps {
  const { kafka, log, clock = systemClock, onGivenUp } = options;
  const admin = shared(() => openAdmin(kafka));
  const runners = steps.map(
    (step) =>
      new StepRunner({ step, stateTopic: stateTopicOf(step), kafka, admin, clock, log }, (error) => {
        log.error({ step: step.id, error: error.message }, 'step given up');
        onGivenUp?.(error, step.id);
      }),
  );
  return {
    status: () => runners.map((runner) => runner.status()),
    async close() {
      await Promise.all(runners.map((runner) => runner.close()));
      await admin.close();
    },
  };
}

/** Runs one step; see `runSteps`. */
export function runStep(step: Step, options: RunOptions): { status(): StepStatus; close(): Promise<void> } {
  const running = runSteps([step], options);
  return { status: () => running.status()[0]!, close: running.close };
}

/**
 * Forgets the state and the input positions of a step, and what it has repartitioned, so that it begins anew. No process may run it meanwhile, nor
 * a step that reads what it repartitions, which must be reset too.
 * @throws HeadwaterError `STEP_RUNS` where a process runs it, or did some seconds ago; `KAFKA_…`
 */
export async function resetStep(step: Pick<Step, 'id' | 'internal'>, kafka: KafkaSettings): Promise<void> {
  const admin = shared(() => openAdmin(kafka));
  try {
    if ((await admin.use((a) => a.members(groupOf(step)))) > 0) {
      const message = `${step.id} cannot be reset while a hub runs it: its state would have a hole. Stop every hub first.`;
      throw new HeadwaterError('STEP_RUNS', message, { retryable: true });
    }
    for (const topic of [stateTopicOf(step), ...step.internal.map(({ name }) => name)]) {
      for (const { partition, high } of await admin.use((a) => a.offsets(topic))) {
        await admin.use((a) => a.deleteRecords({ topic, partition, offset: high }));
      }
    }
  } finally {
    await admin.close();
  }
}
