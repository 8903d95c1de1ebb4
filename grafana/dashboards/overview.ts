import { from, keep, overTime, pipe, rate, summedUp } from '../flux.ts';
import type { Dashboard } from '../spec.ts';
import { alertMarks, alertsNow, RED_ABOVE_ZERO } from './common.ts';

const perSecond = (measurement: string, by: string[] = []) =>
  pipe(from({ bucket: 'long', measurement, fields: ['count'] }), rate, summedUp('1m', by), overTime('mean', by));

export const overview: Dashboard = {
  uid: 'headwater-overview',
  title: 'Platform overview',
  folder: 'platform',
  description: 'Is everything coming in, and does anything need a person?',
  from: 'now-3h',
  variables: [],
  annotations: [alertMarks],
  rows: [
    {
      title: 'Now',
      panels: [
        {
          title: 'Alerts that fire',
          description: 'How many alerts of the hub fire now. Zero is what you want.',
          kind: 'number',
          queries: [pipe(alertsNow, 'group()', 'count()', keep('_value'))],
          thresholds: RED_ABOVE_ZERO,
          width: 6,
          height: 5,
        },
        {
          title: 'Gateways heard of',
          description: 'Gateways that have told their status within the last two minutes of the time shown.',
          kind: 'number',
          queries: [
            pipe(
              from({ measurement: 'gateways', fields: ['backlog.readings'] }),
              'last()',
              'group()',
              'filter(fn: (r) => int(v: r._time) > int(v: v.timeRangeStop) - int(v: 2m))',
              'count()',
              keep('_value'),
            ),
          ],
          thresholds: { base: 'red', steps: [[1, 'green']] },
          width: 6,
          height: 5,
        },
        {
          title: 'Readings waiting at gateways',
          description:
            'Readings that gateways have on their disks and Kafka does not have yet, of all gateways together.',
          kind: 'number',
          queries: [
            pipe(
              from({ measurement: 'gateways', fields: ['backlog.readings'] }),
              'last()',
              'group()',
              'sum()',
              keep('_value'),
            ),
          ],
          thresholds: {
            base: 'green',
            steps: [
              [1_000, 'orange'],
              [100_000, 'red'],
            ],
          },
          width: 6,
          height: 5,
        },
        {
          title: 'Anomalies in this time',
          description: 'How many anomalies the detectors found in the time shown.',
          kind: 'number',
          queries: [pipe(from({ measurement: 'anomalies', fields: ['score'] }), 'group()', 'count()', keep('_value'))],
          thresholds: { base: 'green', steps: [[50, 'orange']] },
          width: 6,
          height: 5,
        },
        {
          title: 'Firing',
          description: 'The alerts of the hub that fire now. Each rule has a runbook of its name in docs/runbooks.',
          kind: 'table',
          queries: [
            pipe(
              alertsNow,
              'group()',
              'rename(columns: {_time: "since", _value: "summary"})',
              keep('since', 'severity', 'rule', 'series', 'summary'),
            ),
          ],
          columns: {
            since: { title: 'Since' },
            severity: { title: 'Severity' },
            rule: { title: 'Rule' },
            series: { title: 'About' },
            summary: { title: 'What' },
          },
          width: 24,
        },
      ],
    },
    {
      title: 'What comes in',
      panels: [
        {
          title: 'Readings by gateway',
          description: 'Readings for each second, each counted once, by the gateway that forwarded them.',
          kind: 'lines',
          queries: [perSecond('iot.readings.1m', ['gateway'])],
          unit: 'cps',
          min: 0,
          legend: '${__field.labels.gateway}',
          stacked: true,
        },
        {
          title: 'Requests to the web site',
          description: 'Requests for each second, of the whole site.',
          kind: 'lines',
          queries: [perSecond('web.site.1m')],
          unit: 'reqps',
          min: 0,
          legend: 'requests',
        },
        {
          title: 'Transactions by currency',
          description: 'Transactions for each second, by their currency.',
          kind: 'lines',
          queries: [perSecond('finance.transactions.1m', ['currency'])],
          unit: 'cps',
          min: 0,
          legend: '${__field.labels.currency}',
          stacked: true,
        },
        {
          title: 'Backlog by gateway',
          description:
            'Readings on the disk of each gateway that Kafka does not have. It grows while Kafka cannot be reached, and drains after that.',
          kind: 'lines',
          queries: [
            pipe(from({ measurement: 'gateways', fields: ['backlog.readings'] }), overTime('last', ['gateway'])),
          ],
          unit: 'short',
          min: 0,
          legend: '${__field.labels.gateway}',
          thresholds: { base: 'transparent', steps: [[1_000, 'orange']] },
        },
      ],
    },
    {
      title: 'Gateways',
      panels: [
        {
          title: 'Gateways',
          description:
            'The last word of each gateway in this time: when it came and what it holds. A click on the name leads to its dashboard.',
          kind: 'table',
          queries: [
            pipe(
              from({ measurement: 'gateways', fields: ['backlog.readings', 'backlog.bytes', 'disk.freeBytes'] }),
              'last()',
              'pivot(rowKey: ["gateway", "site"], columnKey: ["_field"], valueColumn: "_value")',
              'group()',
              keep('gateway', 'site', 'backlog.readings', 'backlog.bytes', 'disk.freeBytes'),
            ),
          ],
          columns: {
            gateway: { title: 'Gateway', link: { to: 'headwater-gateway', variables: { gateway: 'Gateway' } } },
            site: { title: 'Site' },
            'backlog.readings': { title: 'Waiting', unit: 'short' },
            'backlog.bytes': { title: 'Waiting on disk', unit: 'bytes' },
            'disk.freeBytes': { title: 'Free disk', unit: 'bytes' },
          },
          width: 24,
        },
      ],
    },
  ],
};
