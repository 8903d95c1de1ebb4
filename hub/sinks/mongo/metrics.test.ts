import { expect, test } from 'vitest';
import { openMetrics } from '../../health/index.ts';
import { connectPart } from './metrics.ts';
import type { ConnectView } from './watch.ts';

const view: ConnectView = {
  state: 'ready',
  detail: '',
  connectors: [
    { name: 'mongo-alerts', state: 'failed', detail: '', lag: 7, tasks: ['RUNNING', 'FAILED', 'FAILED'], restarts: 3 },
    { name: 'mongo-sessions', state: 'starting', detail: '', lag: null, tasks: [], restarts: 0 },
  ],
  deadLetters: 2,
  failedTasks: 2,
  restarts: 3,
};

async function told(now: ConnectView): Promise<string[]> {
  const metrics = openMetrics();
  metrics.add(connectPart(() => now));
  return (await metrics.render()).split('\n').filter((line) => line.startsWith('headwater_'));
}

test('tasks by what they do, lag, restarts and dead letters are told of each connector', async () => {
  const lines = await told(view);
  expect(lines).toContain('headwater_platform_connect_up 1');
  expect(lines).toContain('headwater_platform_connect_connector_up{connector="mongo-alerts"} 0');
  expect(lines).toContain('headwater_platform_connect_tasks{connector="mongo-alerts",state="running"} 1');
  expect(lines).toContain('headwater_platform_connect_tasks{connector="mongo-alerts",state="failed"} 2');
  expect(lines).toContain('headwater_platform_connect_tasks{connector="mongo-sessions",state="running"} 0');
  expect(lines.filter((line) => line.includes('_lag_'))).toEqual([
    'headwater_platform_connect_lag_records{connector="mongo-alerts"} 7',
  ]);
  expect(lines).toContain('headwater_hub_connect_restarts_total{connector="mongo-alerts"} 3');
  expect(lines).toContain('headwater_platform_connect_dead_letter_records 2');
});

test('while Connect does not answer only that is told, and what this hub has done', async () => {
  const silent = view.connectors.map((one) => ({ ...one, lag: null, tasks: undefined }));
  expect(await told({ ...view, state: 'failed', connectors: silent })).toEqual([
    'headwater_platform_connect_up 0',
    'headwater_hub_connect_restarts_total{connector="mongo-alerts"} 3',
    'headwater_hub_connect_restarts_total{connector="mongo-sessions"} 0',
  ]);
});
