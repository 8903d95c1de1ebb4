import { chosen, from, keep, overTime, pipe, rate, tagValues } from '../flux.ts';
import type { Column, Dashboard } from '../spec.ts';
import { grafanaUnit, KNOWN_UNITS } from '../units.ts';
import { alertMarks, anomalyMarks, anomalyTable, gatewayVariable } from './common.ts';

const ofGateway = chosen('gateway');
const ofDevice = [ofGateway, chosen('device')];
const ofMetric = [...ofDevice, chosen('metric')];
/** Series of readings are `<gateway>/<device>/<metric>`, with the unit behind where it is not the metric's own. */
const itsAnomalies = 'r.source == "readings" and r.series =~ /^${gateway:regex}\\/${device:regex}\\//';

/** Lines are named by statistic and unit, so that a unit's own format is found by it. */
const named = (statistic: string) => `map(fn: (r) => ({r with _field: "${statistic} (" + r.unit + ")"}))`;
const statistic = (fn: 'mean' | 'min' | 'max') =>
  pipe(
    from({ bucket: 'long', measurement: 'iot.readings.1m', fields: [fn], where: ofMetric }),
    `aggregateWindow(every: v.windowPeriod, fn: ${fn}, createEmpty: false)`,
    named(fn),
    keep('_time', '_value', '_field'),
  );

/** A regular expression's text for what a unit is written as. */
const escaped = (unit: string) => unit.replaceAll(/[\\^$*+?.()|[\]{}/]/g, '\\$&');
const byUnit: Record<string, Column> = Object.fromEntries(
  KNOWN_UNITS.map((unit) => [`/\\(${escaped(unit)}\\)$/`, { unit: grafanaUnit(unit) }]),
);

export const device: Dashboard = {
  uid: 'headwater-device',
  title: 'One device',
  folder: 'results',
  description: 'What one device measures: each metric with its unit, how the air near it feels, and what stands out.',
  from: 'now-6h',
  variables: [
    gatewayVariable,
    { name: 'device', label: 'Device', query: tagValues('results', 'iot.readings.1m', 'device', [ofGateway]) },
    {
      name: 'metric',
      label: 'Metric',
      query: tagValues('results', 'iot.readings.1m', 'metric', ofDevice),
      multi: true,
    },
  ],
  annotations: [anomalyMarks(itsAnomalies), alertMarks],
  rows: [
    {
      title: 'What it measures',
      panels: [
        {
          title: '$metric',
          description:
            'Mean, lowest and highest value of each minute; over more than three days, of each hour. Marks show anomalies.',
          kind: 'lines',
          queries: [statistic('mean'), statistic('min'), statistic('max')],
          columns: byUnit,
          repeat: 'metric',
        },
      ],
    },
    {
      title: 'As a whole',
      panels: [
        {
          title: 'Readings by metric',
          description:
            'Readings for each second, by metric. A gap is a time in which nothing came: the device was silent, or its gateway still holds the readings.',
          kind: 'lines',
          queries: [
            pipe(
              from({ bucket: 'long', measurement: 'iot.readings.1m', fields: ['count'], where: ofDevice }),
              rate,
              overTime('mean', ['metric']),
            ),
          ],
          unit: 'cps',
          min: 0,
          legend: '${__field.labels.metric}',
          stacked: true,
        },
        {
          title: 'How the air near it feels',
          description:
            'Thom’s discomfort index, of temperature and humidity together. From 21 on some people feel discomfort, from 24 on half, from 27 on most, from 29 on everyone. Empty for devices that do not measure both.',
          kind: 'lines',
          queries: [
            pipe(from({ measurement: 'iot.comfort.1m', fields: ['discomfort'], where: ofDevice }), overTime('mean')),
          ],
          unit: grafanaUnit('Cel'),
          legend: 'discomfort',
          thresholds: {
            base: 'green',
            steps: [
              [21, 'yellow'],
              [24, 'orange'],
              [27, 'red'],
              [29, 'dark-red'],
            ],
          },
        },
        {
          title: 'Last values',
          description: 'The newest reading of each metric, as the device sent it, and when it was measured.',
          kind: 'table',
          queries: [
            pipe(
              from({ bucket: 'readings', measurement: 'iot.readings', fields: ['value'], where: ofDevice }),
              'last()',
              'group()',
              'rename(columns: {_time: "time", _value: "value"})',
              keep('time', 'metric', 'value', 'unit'),
            ),
          ],
          columns: {
            time: { title: 'Measured' },
            metric: { title: 'Metric' },
            value: { title: 'Value' },
            unit: { title: 'Unit' },
          },
          width: 24,
          height: 6,
        },
        anomalyTable(itsAnomalies),
      ],
    },
  ],
};
