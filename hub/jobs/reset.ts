import { setTimeout as sleep } from 'node:timers/promises';
import { HeadwaterError, TOPICS } from '../../contract/index.ts';
import type { KafkaSettings } from '../../kafka/index.ts';
import type { Step } from '../../streams/core/index.ts';
import { resetStep } from '../../streams/runtime/index.ts';
import { intake } from './intake.ts';

const TRIES = 30;
const RETRY_MS = 1_000;

/**
 * Forgets the state and the input positions of some steps, so that they begin anew. No process may run them meanwhile.
 * @throws HeadwaterError `USAGE` as `checkSteps`, and then none was reset; `STEP_RUNS` while a hub runs one; `KAFKA_…`
 */
export async function resetSteps(ids: readonly string[], all: readonly Step[], kafka: KafkaSettings): Promise<void> {
  checkSteps(ids, all);
  for (const step of all) if (ids.includes(step.id)) await reset(step, kafka);
}

/** A broker that has just started does not know at once which partitions it leads, nor that a hub that was killed is gone. */
async function reset(step: Step, kafka: KafkaSettings): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await resetStep(step, kafka);
    } catch (error) {
      if (!(error instanceof HeadwaterError && error.retryable) || tries === TRIES) throw error;
      await sleep(RETRY_MS);
    }
  }
}

/** @throws HeadwaterError `USAGE` where there is no such step, it is what counts readings once, or another would count twice what it repartitions again */
export function checkSteps(ids: readonly string[], all: readonly Step[]): void {
  const known = all.map(({ id }) => id);
  const unknown = ids.filter((id) => !known.includes(id));
  if (unknown.length > 0) {
    const message = `there is no step ${unknown.join(', ')} to reset. There are: ${known.join(', ')}`;
    throw new HeadwaterError('USAGE', message);
  }
  if (ids.includes(intake.id)) {
    const message = `${intake.id} cannot be reset: it knows which readings have been counted, and would put all that ${TOPICS.raw.name} holds into ${TOPICS.readings.name} a second time`;
    throw new HeadwaterError('USAGE', message);
  }
  for (const step of all.filter(({ id }) => ids.includes(id))) checkReaders(step, ids, all);
}

function checkReaders(step: Step, ids: readonly string[], all: readonly Step[]): void {
  for (const { name } of step.internal) {
    const readers = all.filter(({ id, streams }) => streams.includes(name) && !ids.includes(id)).map(({ id }) => id);
    if (readers.length === 0) continue;
    const message = `${step.id} cannot be reset by itself: what it puts out to ${name} again would be counted twice by ${readers.join(', ')}. Reset these with it.`;
    throw new HeadwaterError('USAGE', message);
  }
}
