import type { StepStatus, TaskStatus } from '../../streams/runtime/index.ts';
import { type Family, familyOf, type MetricsPart } from '../health/index.ts';

const family = familyOf('headwater_hub_step', 'step');

export const STEP_METRICS: readonly Family[] = [
  family('up', 'gauge', '1 while this hub is a member of the step’s group and all the tasks it has of it run.'),
  family('tasks', 'gauge', 'Tasks that this hub has of the step, by what they are doing.', 'state'),
  family('records_total', 'counter', 'Input records processed.'),
  family('commits_total', 'counter', 'Transactions with results, state and positions that were committed.'),
  family('commit_seconds_total', 'counter', 'Time that the commits took together.'),
  family('last_commit_timestamp_seconds', 'gauge', 'When a task of the step last committed.'),
  family('restarts_total', 'counter', 'Starts of tasks and of the step itself after a failure.'),
  family('missed_records_total', 'counter', 'Input records that retention deleted before they were processed.'),
  family('lag_records', 'gauge', 'Records of all inputs still to be processed, as far as the last fetches tell.'),
  family('watermark_delay_seconds', 'gauge', 'How far the event time of the slowest task is behind the clock.'),
  family(
    'state_entries',
    'gauge',
    'Entries of the state: windows and their series, rows of tables, states of processes.',
  ),
  family(
    'state_log_bytes',
    'gauge',
    'Bytes of state that a start would read: the last snapshot and what changed since.',
  ),
  family('join_held_records', 'gauge', 'Records that joins of two streams hold for partners to come.'),
];

const STATES: readonly TaskStatus['state'][] = ['fencing', 'restoring', 'running', 'failed'];

/** What the steps of this process say of themselves, for Prometheus. `clock` gives ms since the epoch. */
export function stepsPart(status: () => readonly StepStatus[], clock: () => number): MetricsPart {
  return {
    families: STEP_METRICS,
    tell(tell) {
      for (const { step, state, tasks, totals } of status()) {
        const put = (name: string, value: number | undefined, labels = {}) =>
          tell(`headwater_hub_step_${name}`, value, { step, ...labels });
        put('up', state === 'running' && tasks.every((task) => task.state === 'running') ? 1 : 0);
        for (const doing of STATES) put('tasks', tasks.filter((task) => task.state === doing).length, { state: doing });
        put('records_total', totals.events);
        put('commits_total', totals.commits);
        put('commit_seconds_total', totals.commitMs / 1_000);
        put('restarts_total', totals.restarts);
        put('missed_records_total', totals.missed);
        // Where the group gave this process no task, another one tells.
        if (tasks.length === 0) continue;
        const figures = tasks.flatMap((task) => task.figures ?? []);
        const most = (values: readonly (number | undefined)[]) => {
          const known = values.filter((value) => value !== undefined);
          return known.length === 0 ? undefined : Math.max(...known);
        };
        const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
        const slowest = most(figures.map(({ watermark }) => watermark && clock() - watermark));
        const committed = most(tasks.map(({ lastCommitAt }) => lastCommitAt));
        put('last_commit_timestamp_seconds', committed && committed / 1_000);
        put('lag_records', sum(tasks.map(({ lag }) => lag)));
        put('watermark_delay_seconds', slowest && Math.max(0, slowest / 1_000));
        put('state_entries', sum(figures.map(({ entries }) => entries)));
        put('state_log_bytes', sum(tasks.map(({ stateLogBytes = 0 }) => stateLogBytes)));
        put('join_held_records', sum(figures.map(({ held }) => held)));
      }
    },
  };
}
