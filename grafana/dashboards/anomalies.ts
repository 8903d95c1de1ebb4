import { chosen, from, keep, pipe, tagValues } from '../flux.ts';
import type { Dashboard } from '../spec.ts';
import { alertMarks, anomalyTable } from './common.ts';

const ofSource = chosen('source');
const scores = from({ measurement: 'anomalies', fields: ['score'], where: [ofSource] });

export const anomalies: Dashboard = {
  uid: 'headwater-anomalies',
  title: 'Anomalies',
  folder: 'results',
  description:
    'What the detectors found in readings, response times and amounts: how much, where, how strong, and why.',
  from: 'now-24h',
  variables: [{ name: 'source', label: 'In', query: tagValues('results', 'anomalies', 'source'), multi: true }],
  annotations: [alertMarks],
  rows: [
    {
      title: 'Over time',
      panels: [
        {
          title: 'How many',
          description:
            'Anomalies in each step of the chart, by what they were found in. Ten within five minutes raise the alert anomaly-burst.',
          kind: 'lines',
          queries: [
            pipe(
              scores,
              'group(columns: ["source"])',
              'aggregateWindow(every: v.windowPeriod, fn: count, createEmpty: false)',
              keep('_time', '_value', 'source'),
            ),
          ],
          unit: 'short',
          min: 0,
          decimals: 0,
          legend: '${__field.labels.source}',
          stacked: true,
        },
        {
          title: 'How strong',
          description: 'The highest score in each step of the chart; 1 is as unusual as can be.',
          kind: 'lines',
          queries: [
            pipe(
              scores,
              'group(columns: ["source"])',
              'aggregateWindow(every: v.windowPeriod, fn: max, createEmpty: false)',
              keep('_time', '_value', 'source'),
            ),
          ],
          unit: 'percentunit',
          min: 0,
          max: 1,
          legend: '${__field.labels.source}',
        },
        {
          title: 'Series with the most',
          description:
            'The twenty series in which most was found in this time. A detector that always finds something in one series needs another look at that series.',
          kind: 'bars',
          queries: [
            pipe(
              scores,
              'group(columns: ["source", "series"])',
              'count()',
              'group()',
              'sort(columns: ["_value"], desc: true)',
              'limit(n: 20)',
              'rename(columns: {_value: "anomalies"})',
              keep('series', 'anomalies'),
            ),
          ],
          unit: 'short',
        },
        {
          title: 'Episodes',
          description:
            'How many times something stayed above its limit, by kind: clients that hammer, bursts of failures, payments too fast.',
          kind: 'bars',
          queries: [
            pipe(
              from({ measurement: 'episodes', fields: ['count'] }),
              'group(columns: ["kind"])',
              'count()',
              'group()',
              'sort(columns: ["_value"], desc: true)',
              'rename(columns: {_value: "episodes"})',
              keep('kind', 'episodes'),
            ),
          ],
          unit: 'short',
        },
      ],
    },
    { title: 'Each of them', panels: [anomalyTable(ofSource)] },
  ],
};
