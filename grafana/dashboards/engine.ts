import { chosen, from, keep, overTime, pipe, summedUp, tagValues } from '../flux.ts';
import type { Dashboard } from '../spec.ts';
import { alertMarks, DISK_FREE, UNTIL_EXPIRY } from './common.ts';

const ofProcess = chosen('process');
const health = (...fields: string[]) => from({ measurement: 'platform.health', fields, where: [ofProcess] });
const lag = from({ measurement: 'platform.lag', fields: ['records'], where: [ofProcess] });

export const engine: Dashboard = {
  uid: 'headwater-engine',
  title: 'Stream engine and Kafka',
  folder: 'platform',
  description:
    'Does the hub keep up, and have its machines what they need: lag, memory, processor, disk, certificates.',
  from: 'now-3h',
  variables: [
    { name: 'process', label: 'Process', query: tagValues('results', 'platform.health', 'process'), multi: true },
  ],
  annotations: [alertMarks],
  rows: [
    {
      title: 'Does it keep up?',
      panels: [
        {
          title: 'Lag by consumer group',
          description:
            'Records that a consumer group has not read yet, of all its topics. Up and down is usual; what only rises means that the group does not keep up.',
          kind: 'lines',
          queries: [pipe(lag, summedUp('30s', ['group']), overTime('max', ['group']))],
          unit: 'short',
          min: 0,
          thresholds: { base: 'transparent', steps: [[50_000, 'orange']] },
          legend: '${__field.labels.group}',
        },
        {
          title: 'Lag now',
          description: 'The last known lag of each group and topic, the largest first.',
          kind: 'table',
          queries: [
            pipe(
              lag,
              'last()',
              'group()',
              'sort(columns: ["_value"], desc: true)',
              'limit(n: 50)',
              'rename(columns: {_time: "time", _value: "records"})',
              keep('group', 'topic', 'records', 'process', 'time'),
            ),
          ],
          columns: {
            group: { title: 'Group' },
            topic: { title: 'Topic' },
            records: { title: 'Records' },
            process: { title: 'Told by' },
            time: { title: 'When' },
          },
        },
      ],
    },
    {
      title: 'How long it takes, and the brokers',
      panels: [
        {
          title: 'From a gateway to the page',
          description:
            'How long live readings take from their gateway to the page of a hub, over each minute: half of them at most, and ninety-nine of a hundred. Ten seconds for two minutes raise the alert page-latency.',
          kind: 'lines',
          queries: [
            pipe(
              health('latencyMs.p50', 'latencyMs.p99'),
              'aggregateWindow(every: v.windowPeriod, fn: mean, createEmpty: false)',
              keep('_time', '_value', '_field', 'process'),
            ),
          ],
          unit: 'ms',
          min: 0,
          thresholds: { base: 'transparent', steps: [[10_000, 'red']] },
          columns: {
            '/p50/': { title: 'half: ${__field.labels.process}' },
            '/p99/': { title: '99 %: ${__field.labels.process}' },
          },
        },
        {
          title: 'Brokers',
          description:
            'The last word on each Kafka broker, as the hubs see it: whether it is in the cluster, how many of its replicas are out of sync, and how many of its partitions have no leader.',
          kind: 'table',
          queries: [
            pipe(
              from({
                measurement: 'platform.health',
                fields: ['counts.up', 'counts.outOfSync', 'counts.offlinePartitions'],
                where: ['r.kind == "kafka"'],
              }),
              'last()',
              'pivot(rowKey: ["process"], columnKey: ["_field"], valueColumn: "_value")',
              'group()',
              'sort(columns: ["process"])',
              keep('process', 'counts.up', 'counts.outOfSync', 'counts.offlinePartitions'),
            ),
          ],
          columns: {
            process: { title: 'Broker' },
            'counts.up': { title: 'In the cluster', unit: 'bool_yes_no' },
            'counts.outOfSync': { title: 'Replicas out of sync' },
            'counts.offlinePartitions': { title: 'Partitions without leader' },
          },
        },
      ],
    },
    {
      title: 'What the processes take',
      panels: [
        {
          title: 'Memory',
          description: 'Resident memory of each process.',
          kind: 'lines',
          queries: [pipe(health('rssMb'), overTime('max', ['process']))],
          unit: 'decmbytes',
          min: 0,
          legend: '${__field.labels.process}',
        },
        {
          title: 'Processor',
          description:
            'Share of one processor core that each process takes; a process with several threads can be above 100 %.',
          kind: 'lines',
          queries: [pipe(health('cpuShare'), overTime('mean', ['process']))],
          unit: 'percentunit',
          min: 0,
          legend: '${__field.labels.process}',
        },
        {
          title: 'Free disk',
          description:
            'Free space of the disk that each process writes to. Below 500 MB the alert disk-nearly-full fires.',
          kind: 'lines',
          queries: [pipe(health('diskFreeBytes'), overTime('min', ['process']))],
          unit: 'bytes',
          min: 0,
          legend: '${__field.labels.process}',
          thresholds: DISK_FREE,
        },
        {
          title: 'Certificates end in',
          description: 'Time until the first certificate of each process ends.',
          kind: 'lines',
          queries: [
            pipe(
              health('certificateExpiresAt'),
              'group(columns: ["process"])',
              'aggregateWindow(every: v.windowPeriod, fn: last, createEmpty: false)',
              'map(fn: (r) => ({r with _value: (float(v: r._value) * 1000000.0 - float(v: int(v: r._time))) / 1000000000.0}))',
              keep('_time', '_value', 'process'),
            ),
          ],
          unit: 's',
          legend: '${__field.labels.process}',
          thresholds: UNTIL_EXPIRY,
        },
      ],
    },
    {
      title: 'Work and windows',
      panels: [
        {
          title: 'Windows refined',
          description:
            'Window results by revision: those above 0 were put out again because more readings came, usually the backlog of a gateway after an outage.',
          kind: 'lines',
          queries: [
            pipe(
              from({ measurement: 'iot.readings.1m', fields: ['revision'] }),
              'filter(fn: (r) => r._value > 0)',
              'group(columns: ["gateway"])',
              'aggregateWindow(every: v.windowPeriod, fn: count, createEmpty: false)',
              keep('_time', '_value', 'gateway'),
            ),
          ],
          unit: 'short',
          min: 0,
          decimals: 0,
          legend: '${__field.labels.gateway}',
        },
        {
          title: 'Latest word of each process',
          description: 'When each process last told of its health.',
          kind: 'table',
          queries: [
            pipe(
              health('rssMb'),
              'last()',
              'group()',
              'sort(columns: ["process"])',
              'rename(columns: {_time: "time", _value: "rssMb"})',
              keep('process', 'kind', 'time', 'rssMb'),
            ),
          ],
          columns: {
            process: { title: 'Process' },
            kind: { title: 'Kind' },
            time: { title: 'Last word' },
            rssMb: { title: 'Memory', unit: 'decmbytes' },
          },
        },
      ],
    },
  ],
};
