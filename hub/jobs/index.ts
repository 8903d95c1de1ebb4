import { HeadwaterError, PARTITIONS, type Topic } from '../../contract/index.ts';
import { compile, type Job, type Step } from '../../streams/core/index.ts';
import { alerts, DEFAULT_TIMES, loadRules, notifySteps } from '../alerts/index.ts';
import { amountAnomalies, readingAnomalies, responseTimeAnomalies } from './anomalies.ts';
import { climate } from './climate.ts';
import { episodes } from './episodes.ts';
import { finance } from './finance.ts';
import { intake } from './intake.ts';
import { readings } from './readings.ts';
import { silences } from './silences.ts';
import { web } from './web.ts';

export { STEP_METRICS, stepsPart } from './metrics.ts';
export { loadJobs, NO_OWN_JOBS, type OwnJobs } from './own.ts';
export { checkSteps, resetSteps } from './reset.ts';

/** Of repartitioned records: as long as the records they come from. */
const RETENTION_MS = 7 * 86_400_000;

/** What the hub computes, as it is declared; apart from the alerts, whose rules are read, and the intake, which no declaration could say. */
export const JOBS: readonly Job[] = [
  readings,
  climate,
  silences,
  web,
  finance,
  episodes,
  readingAnomalies,
  responseTimeAnomalies,
  amountAnomalies,
];

/**
 * Every step that a hub runs, with those of the jobs that were added to it. `times` say when alerts are told.
 * @throws HeadwaterError `RULES_INVALID`; `JOBS_INVALID` where two steps would have one name
 */
export function steps(own: readonly Job[] = [], times = DEFAULT_TIMES): Step[] {
  const rules = loadRules();
  const shipped = [...JOBS, alerts(rules)].flatMap(compile);
  const all = [intake, ...shipped, ...notifySteps(times, rules), ...own.flatMap(compile)];
  const ids = all.map(({ id }) => id);
  const twice = ids.find((id, i) => ids.indexOf(id) < i);
  if (twice !== undefined)
    throw new HeadwaterError('JOBS_INVALID', `two jobs are called ${twice}; give yours a name that no other has`);
  return all;
}

/** The topics that the steps keep for themselves: each one's state, and what they repartition. */
export function internalTopics(own: readonly Job[] = []): Topic[] {
  const all = steps(own);
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
