import type { Family, MetricsPart } from '../../health/index.ts';
import type { ConnectState } from './connect.ts';
import type { ConnectView } from './watch.ts';

export const CONNECT_METRICS: readonly Family[] = [
  { name: 'headwater_platform_connect_up', type: 'gauge', help: '1 while Kafka Connect answers.' },
  {
    name: 'headwater_platform_connect_connector_up',
    type: 'gauge',
    help: '1 while a connector and all of its tasks run.',
    labels: ['connector'],
  },
  {
    name: 'headwater_platform_connect_tasks',
    type: 'gauge',
    help: 'Tasks of a connector, by what they are doing.',
    labels: ['connector', 'state'],
  },
  {
    name: 'headwater_platform_connect_lag_records',
    type: 'gauge',
    help: 'Records of a connector’s topic that are not yet documents.',
    labels: ['connector'],
  },
  {
    name: 'headwater_platform_connect_dead_letter_records',
    type: 'gauge',
    help: 'Records in the topic of what could not become a document.',
  },
  {
    name: 'headwater_hub_connect_restarts_total',
    type: 'counter',
    help: 'Restarts of a connector and its tasks that this hub has asked for.',
    labels: ['connector'],
  },
];

const STATES: readonly ConnectState[] = ['RUNNING', 'FAILED', 'PAUSED', 'STOPPED', 'UNASSIGNED', 'RESTARTING'];

/** What is known of Kafka Connect, for Prometheus. */
export function connectPart(view: () => ConnectView): MetricsPart {
  return {
    families: CONNECT_METRICS,
    tell(tell) {
      const { state, connectors, deadLetters } = view();
      tell('headwater_platform_connect_up', state === 'ready' ? 1 : 0);
      for (const { name: connector, state, tasks, lag, restarts } of connectors) {
        tell('headwater_hub_connect_restarts_total', restarts, { connector });
        tell('headwater_platform_connect_lag_records', lag ?? undefined, { connector });
        // Nothing is known of it while Connect does not answer.
        if (tasks === undefined) continue;
        tell('headwater_platform_connect_connector_up', state === 'ready' ? 1 : 0, { connector });
        for (const doing of STATES) {
          const count = tasks.filter((task) => task === doing).length;
          tell('headwater_platform_connect_tasks', count, { connector, state: doing.toLowerCase() });
        }
      }
      if (state === 'ready') tell('headwater_platform_connect_dead_letter_records', deadLetters ?? undefined);
    },
  };
}
