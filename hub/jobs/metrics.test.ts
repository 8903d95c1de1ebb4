import { expect, test } from 'vitest';
import type { StepStatus, TaskStatus } from '../../streams/runtime/index.ts';
import { openMetrics } from '../health/index.ts';
import { stepsPart } from './metrics.ts';

const NOW = 1_790_000_000_000;
const task = (more: Partial<TaskStatus>): TaskStatus => ({
  partition: 0,
  state: 'running',
  positions: {},
  lag: 5,
  events: 10,
  commits: 2,
  commitMs: 40,
  lastCommitAt: NOW - 1_000,
  restoreMs: 7,
  restarts: 0,
  missed: 0,
  stateLogBytes: 100,
  figures: { watermark: NOW - 2_500, entries: 3, held: 1 },
  error: undefined,
  ...more,
});
const step = (name: string, tasks: TaskStatus[]): StepStatus => ({
  step: name,
  state: 'running',
  error: undefined,
  tasks,
  totals: { events: 30, commits: 4, commitMs: 250, missed: 0, restarts: 1 },
});

async function told(...steps: StepStatus[]): Promise<string[]> {
  const metrics = openMetrics();
  metrics.add(
    stepsPart(
      () => steps,
      () => NOW,
    ),
  );
  return (await metrics.render()).split('\n').filter((line) => line.startsWith('headwater_'));
}

test('tasks of a step are told as one: sums, and the time of the slowest', async () => {
  const slow = task({ partition: 1, state: 'restoring', figures: { watermark: NOW - 9_000, entries: 4, held: 0 } });
  const lines = await told(step('windows', [task({}), slow]));
  for (const line of [
    'up{step="windows"} 0',
    'tasks{step="windows",state="running"} 1',
    'tasks{step="windows",state="restoring"} 1',
    'records_total{step="windows"} 30',
    'commit_seconds_total{step="windows"} 0.25',
    'restarts_total{step="windows"} 1',
    'lag_records{step="windows"} 10',
    'watermark_delay_seconds{step="windows"} 9',
    'state_entries{step="windows"} 7',
    'state_log_bytes{step="windows"} 200',
    'join_held_records{step="windows"} 1',
    `last_commit_timestamp_seconds{step="windows"} ${NOW / 1_000 - 1}`,
  ])
    expect(lines).toContain(`headwater_hub_step_${line}`);
});

test('of a step whose tasks are all with other hubs only what was counted here is told', async () => {
  const lines = await told(step('windows', []));
  expect(lines).toContain('headwater_hub_step_records_total{step="windows"} 30');
  expect(lines.filter((line) => /lag|delay|entries|bytes|held|last_commit/.test(line))).toEqual([]);
});
