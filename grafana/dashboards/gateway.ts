import { chosen, events, from, keep, overTime, pipe, rate, summedUp } from '../flux.ts';
import type { Dashboard, Panel } from '../spec.ts';
import { alertMarks, DISK_FREE, gatewayVariable, UNTIL_EXPIRY } from './common.ts';

const ofGateway = [chosen('gateway')];
const status = (...fields: string[]) => from({ measurement: 'gateways', fields, where: ofGateway });

/** Differences of a counter for each second; a counter that begins anew counts from there. */
const perSecond = pipe(
  'aggregateWindow(every: v.windowPeriod, fn: last, createEmpty: false)',
  'derivative(unit: 1s, nonNegative: true)',
  keep('_time', '_value', '_field'),
);

/** Nanoseconds from a time to now, or from now to a time, as seconds. */
const until =
  'map(fn: (r) => ({r with _value: (float(v: r._value) * 1000000.0 - float(v: int(v: v.timeRangeStop))) / 1000000000.0}))';
const age = 'map(fn: (r) => ({r with _value: float(v: int(v: v.timeRangeStop) - int(v: r._time)) / 1000000000.0}))';

const number = (panel: Pick<Panel, 'title' | 'description' | 'unit' | 'thresholds'> & { query: string }): Panel => {
  const { query, ...rest } = panel;
  return { ...rest, kind: 'number', queries: [query], width: 6, height: 5 };
};

export const gateway: Dashboard = {
  uid: 'headwater-gateway',
  title: 'One gateway',
  folder: 'platform',
  description: 'What one gateway takes in, keeps and forwards, and which of its devices are silent.',
  from: 'now-3h',
  variables: [gatewayVariable],
  annotations: [alertMarks],
  rows: [
    {
      title: 'Now',
      panels: [
        number({
          title: 'Last heard',
          description:
            'How long ago the gateway last told its status. More than a minute raises the alert gateway-silent.',
          query: pipe(status('backlog.readings'), 'last()', age, 'group()', keep('_value')),
          unit: 's',
          thresholds: {
            base: 'green',
            steps: [
              [30, 'orange'],
              [60, 'red'],
            ],
          },
        }),
        number({
          title: 'Readings waiting',
          description: 'Readings on its disk that Kafka does not have.',
          query: pipe(status('backlog.readings'), overTime('last')),
          unit: 'short',
          thresholds: {
            base: 'green',
            steps: [
              [1_000, 'orange'],
              [100_000, 'red'],
            ],
          },
        }),
        number({
          title: 'Free disk',
          description: 'Free space of the disk that holds its buffer.',
          query: pipe(status('disk.freeBytes'), overTime('last')),
          unit: 'bytes',
          thresholds: DISK_FREE,
        }),
        number({
          title: 'First certificate ends in',
          description:
            'Time until the first of the certificates ends that its connections depend on. Empty where it has none.',
          query: pipe(status('certificateExpiresAt'), 'last()', until, 'group()', keep('_value')),
          unit: 's',
          thresholds: UNTIL_EXPIRY,
        }),
      ],
    },
    {
      title: 'The way of its readings',
      panels: [
        {
          title: 'Acknowledged and forwarded',
          description:
            'Readings for each second that were synced to its disk and acknowledged to devices, and that Kafka has acknowledged. While the second is lower, the backlog grows.',
          kind: 'lines',
          queries: [pipe(status('counts.acknowledged', 'counts.forwarded'), perSecond)],
          unit: 'cps',
          min: 0,
          columns: { '/acknowledged/': { title: 'acknowledged' }, '/forwarded/': { title: 'forwarded' } },
        },
        {
          title: 'Backlog',
          description: 'Readings on its disk that Kafka does not have.',
          kind: 'lines',
          queries: [pipe(status('backlog.readings'), overTime('max'))],
          unit: 'short',
          min: 0,
          thresholds: { base: 'transparent', steps: [[1_000, 'orange']] },
          legend: 'readings',
        },
        {
          title: 'Not understood, sent twice, given up, lost',
          description:
            'For each second: messages that could not be understood (they are in dead-letters), readings dropped because their device had sent them before, readings that a full buffer gave up, and messages that were never acknowledged and not kept.',
          kind: 'lines',
          queries: [pipe(status('counts.rejected', 'counts.duplicates', 'counts.evicted', 'counts.lost'), perSecond)],
          unit: 'cps',
          min: 0,
          columns: {
            '/rejected/': { title: 'not understood' },
            '/duplicates/': { title: 'sent twice' },
            '/evicted/': { title: 'given up' },
            '/lost/': { title: 'lost' },
          },
        },
        {
          title: 'Disk',
          description: 'Size of the buffer with its journal, and what is free on its disk.',
          kind: 'lines',
          queries: [
            pipe(
              status('disk.bufferBytes', 'disk.freeBytes'),
              'aggregateWindow(every: v.windowPeriod, fn: last, createEmpty: false)',
              keep('_time', '_value', '_field'),
            ),
          ],
          unit: 'bytes',
          min: 0,
          columns: { '/bufferBytes/': { title: 'buffer' }, '/freeBytes/': { title: 'free' } },
        },
      ],
    },
    {
      title: 'Its devices',
      panels: [
        {
          title: 'Readings by device',
          description: 'Readings for each second, by device.',
          kind: 'lines',
          queries: [
            pipe(
              from({ bucket: 'long', measurement: 'iot.readings.1m', fields: ['count'], where: ofGateway }),
              rate,
              summedUp('1m', ['device']),
              overTime('mean', ['device']),
            ),
          ],
          unit: 'cps',
          min: 0,
          legend: '${__field.labels.device}',
          stacked: true,
          width: 24,
        },
        {
          title: 'Devices and what they measure',
          description: 'The last minute of each device and metric. A click on a device leads to its dashboard.',
          kind: 'table',
          queries: [
            pipe(
              from({ measurement: 'iot.readings.1m', fields: ['mean'], where: ofGateway }),
              'last()',
              'group()',
              'sort(columns: ["device", "metric"])',
              'rename(columns: {_time: "time", _value: "mean"})',
              keep('time', 'gateway', 'device', 'metric', 'mean', 'unit'),
            ),
          ],
          columns: {
            time: { title: 'Minute' },
            gateway: { title: 'Gateway' },
            device: {
              title: 'Device',
              link: { to: 'headwater-device', variables: { gateway: 'Gateway', device: 'Device' } },
            },
            metric: { title: 'Metric' },
            mean: { title: 'Mean' },
            unit: { title: 'Unit' },
          },
        },
        {
          title: 'Silences',
          description: 'Devices of this gateway that fell silent or came back, and the gateway itself; newest first.',
          kind: 'table',
          queries: [
            pipe(
              from({ measurement: 'iot.silences', fields: ['since', 'cause'], where: ofGateway }),
              events(['kind', 'device', 'state', 'cause', 'since']),
            ),
          ],
          columns: {
            time: { title: 'Found' },
            kind: { title: 'What' },
            device: { title: 'Device' },
            state: { title: 'State' },
            cause: { title: 'Cause' },
            since: { title: 'Last heard', unit: 'dateTimeAsIso' },
          },
        },
      ],
    },
  ],
};
