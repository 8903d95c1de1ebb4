import { PARTITIONS, type Topic } from '../../contract/index.ts';
import { compile, type Job, type Step } from '../../streams/core/index.ts';
import { alerts } from '../alerts/index.ts';
import { amountAnomalies, readingAnomalies, responseTimeAnomalies } from './anomalies.ts';
import { finance } from './finance.ts';
import { intake } from './intake.ts';
import { readings } from './readings.ts';
import { web } from './web.ts';

/** Of repartitioned records: as long as the records they come from. */
const RETENTION_MS = 7 * 86_400_000;

/** What the hub computes, as it is declared; apart from the alerts, whose rules are read, and the intake, which no declaration could say. */
export const JOBS: readonly Job[] = [readings, web, finance, readingAnomalies, responseTimeAnomalies, amountAnomalies];

/**
 * Every step that a hub runs.
 * @throws HeadwaterError `RULES_INVALID`
 */
export function steps(): Step[] {
  return [intake, ...[...JOBS, alerts()].flatMap(compile)];
}

/** The topics that the steps keep for themselves: each one's state, and what they repartition. */
export function internalTopics(): Topic[] {
  const all = steps();
  const repartitioned = new Map(all.flatMap((step) => step.internal).map((topic) => [topic.name, topic.partitions]));
  return all.flatMap((step) => [
    {
      // The runtime deletes what a snapshot has made superfluous; nothing expires by age.
      ...internal(
        `hub.${step.id}.state`,
        repartitioned.get(step.streams[0]!) ?? PARTITIONS,
        `checkpoints of the step ${step.id}`,
      ),
      retentionMs: -1,
    },
    ...step.internal.map(({ name, partitions }) => internal(name, partitions, `records of ${step.id} under a new key`)),
  ]);
}

function internal(name: string, partitions: number, description: string): Topic {
  return { name, key: 'internal', partitions, cleanup: 'delete', retentionMs: RETENTION_MS, description };
}
