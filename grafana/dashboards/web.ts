import { type Bucket, chosen, from, keep, overTime, pipe, rate, tagValues } from '../flux.ts';
import type { Dashboard, Panel, Thresholds } from '../spec.ts';
import { alertMarks, anomalyMarks, anomalyTable, episodes } from './common.ts';

const site = (...fields: string[]) => from({ measurement: 'web.site.1m', fields });
const requests = from({ bucket: 'long', measurement: 'web.site.1m', fields: ['count'] });
const path = (fields: string[], bucket: Bucket = 'long') =>
  from({ bucket, measurement: 'web.requests.1m', fields, where: [chosen('path')] });
const byField = pipe(
  'aggregateWindow(every: v.windowPeriod, fn: mean, createEmpty: false)',
  keep('_time', '_value', '_field'),
);

const SHARE: Thresholds = { base: 'green', steps: [[0.05, 'red']] };
const SLOW: Thresholds = { base: 'transparent', steps: [[2_000, 'red']] };

const lines = (panel: Omit<Panel, 'kind' | 'queries' | 'min'> & { query: string }): Panel => {
  const { query, ...rest } = panel;
  return { ...rest, kind: 'lines', queries: [query], min: 0 };
};

export const web: Dashboard = {
  uid: 'headwater-web',
  title: 'Web traffic',
  folder: 'results',
  description:
    'What visitors of the web site meet with: how many they are, what fails, how long it takes, and who hammers.',
  from: 'now-3h',
  variables: [{ name: 'path', label: 'Path', query: tagValues('results', 'web.requests.1m', 'path') }],
  annotations: [anomalyMarks('r.source == "response-times"'), alertMarks],
  rows: [
    {
      title: 'The whole site',
      panels: [
        lines({
          title: 'Requests',
          description: 'Requests for each second to the whole site.',
          query: pipe(requests, rate, overTime('mean')),
          unit: 'reqps',
          legend: 'requests',
        }),
        lines({
          title: 'Share that failed, was denied, was not there',
          description: 'Of all requests the share with status 500 and above, with 401 or 403, and with 404.',
          query: pipe(site('errorShare', 'deniedShare', 'missingShare'), byField),
          unit: 'percentunit',
          thresholds: SHARE,
          columns: {
            '/errorShare/': { title: 'failed' },
            '/deniedShare/': { title: 'denied' },
            '/missingShare/': { title: 'not there' },
          },
        }),
        lines({
          title: 'Response time',
          description: 'How long half of the requests take at most, and nineteen of twenty (to within one per cent).',
          query: pipe(site('p50', 'p95'), byField),
          unit: 'ms',
          thresholds: SLOW,
          columns: { '/p50/': { title: 'half' }, '/p95/': { title: '95 %' } },
        }),
        lines({
          title: 'Clients',
          description: 'About how many different client addresses sent requests in each minute.',
          query: pipe(site('clients'), overTime('mean')),
          unit: 'short',
          legend: 'clients',
        }),
        {
          title: 'Busiest paths',
          description:
            'The twenty paths with the most requests in this time. Numbers and long ids in a path are shown as :id.',
          kind: 'bars',
          queries: [
            pipe(
              from({ bucket: 'long', measurement: 'web.requests.1m', fields: ['count'] }),
              'group(columns: ["path"])',
              'sum()',
              'group()',
              'sort(columns: ["_value"], desc: true)',
              'limit(n: 20)',
              'rename(columns: {_value: "requests"})',
              keep('path', 'requests'),
            ),
          ],
          unit: 'short',
        },
        {
          title: 'Paths that fail most',
          description:
            'The twenty paths with the highest share of failed requests in any minute of this time, of those with at least ten requests in it.',
          kind: 'table',
          queries: [
            pipe(
              from({ measurement: 'web.requests.1m', fields: ['count', 'errorShare'] }),
              'pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")',
              'filter(fn: (r) => r.count >= 10)',
              'group(columns: ["path"])',
              'max(column: "errorShare")',
              'group()',
              'sort(columns: ["errorShare"], desc: true)',
              'limit(n: 20)',
              keep('path', 'errorShare', 'count'),
            ),
          ],
          columns: {
            path: { title: 'Path', link: { to: 'headwater-web', variables: { path: 'Path' } } },
            errorShare: { title: 'Failed', unit: 'percentunit' },
            count: { title: 'Requests in that minute' },
          },
        },
      ],
    },
    {
      title: 'One path: $path',
      panels: [
        lines({
          title: 'Requests to $path',
          description: 'Requests for each second to the path chosen above.',
          query: pipe(path(['count']), rate, overTime('mean')),
          unit: 'reqps',
          legend: 'requests',
          width: 8,
        }),
        lines({
          title: 'Share of $path that failed',
          description:
            'Of the requests to the path the share with status 500 and above. Five per cent for twenty seconds raise the alert web-errors.',
          query: pipe(path(['errorShare']), overTime('max')),
          unit: 'percentunit',
          thresholds: SHARE,
          legend: 'failed',
          width: 8,
        }),
        lines({
          title: 'Response time of $path',
          description:
            'How long half, 95 % and 99 % of the requests to the path take at most. Two seconds at 95 % raise the alert web-slow.',
          query: pipe(path(['p50', 'p95', 'p99'], 'results'), byField),
          unit: 'ms',
          thresholds: SLOW,
          columns: { '/p50/': { title: 'half' }, '/p95/': { title: '95 %' }, '/p99/': { title: '99 %' } },
          width: 8,
        }),
      ],
    },
    {
      title: 'What stands out',
      panels: [
        episodes(
          'Clients that hammer',
          'Clients that sent more than a hundred requests within ten seconds, newest first.',
          ['client-hammering'],
          'most',
        ),
        episodes(
          'Bursts of failures, denials and wrong addresses',
          'Times in which far more requests than usual failed, were denied or asked for what is not there.',
          ['server-errors', 'login-failures', 'not-found'],
          'peak',
        ),
        anomalyTable('r.source == "response-times"'),
      ],
    },
  ],
};
