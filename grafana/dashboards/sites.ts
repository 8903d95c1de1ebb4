import { chosen, from, keep, overTime, pipe, text } from '../flux.ts';
import type { Dashboard, Panel } from '../spec.ts';
import { grafanaUnit } from '../units.ts';
import { alertMarks, siteVariable } from './common.ts';

const ofSite = chosen('site');
const inside = (metric: string, unit: string, fn: 'mean' | 'min' | 'max') =>
  pipe(
    from({
      bucket: 'long',
      measurement: 'iot.sites.1m',
      fields: [fn],
      where: [ofSite, `r.metric == ${text(metric)} and r.unit == ${text(unit)}`],
    }),
    overTime(fn, ['type']),
  );
const outside = (field: string) =>
  pipe(
    from({ measurement: 'weather.sites', fields: [field], where: [ofSite] }),
    overTime('mean'),
    'map(fn: (r) => ({r with _field: "outside"}))',
    keep('_time', '_value', '_field'),
  );

function air(title: string, metric: string, unit: string, field: string, more: Partial<Panel> = {}): Panel {
  return {
    title,
    description: `${title} of the site by type of device, as the mean of its devices, and outside where the weather of the site is known.`,
    kind: 'lines',
    queries: [inside(metric, unit, 'mean'), outside(field)],
    unit: grafanaUnit(unit),
    columns: { '/outside/': { title: 'outside' } },
    ...more,
  };
}

const comfort = (fields: string[]) => from({ measurement: 'iot.sites.comfort.1m', fields, where: [ofSite] });

export const sites: Dashboard = {
  uid: 'headwater-sites',
  title: 'Site climate',
  folder: 'results',
  description:
    'How it is at one site: temperature, humidity and pressure against the weather outside, and how the air feels.',
  from: 'now-24h',
  variables: [siteVariable],
  annotations: [alertMarks],
  rows: [
    {
      title: 'The air',
      panels: [
        air('Temperature', 'temperature', 'Cel', 'temperature'),
        air('Humidity', 'humidity', '%', 'humidity', { min: 0, max: 100 }),
        air('Pressure', 'pressure', 'hPa', 'pressure'),
        {
          title: 'Lowest and highest temperature',
          description:
            'The lowest and the highest temperature that any device of the site measured, by type of device.',
          kind: 'lines',
          queries: (['min', 'max'] as const).map((fn) =>
            pipe(
              inside('temperature', 'Cel', fn),
              `map(fn: (r) => ({r with _field: "${fn === 'min' ? 'lowest' : 'highest'}"}))`,
            ),
          ),
          unit: grafanaUnit('Cel'),
          thresholds: {
            base: 'transparent',
            steps: [[65, 'red']],
          },
        },
      ],
    },
    {
      title: 'How it feels',
      panels: [
        {
          title: 'Discomfort',
          description:
            'Thom’s discomfort index by type of device. From 21 on some people feel discomfort, from 24 on half, from 27 on most, from 29 on everyone.',
          kind: 'lines',
          queries: [pipe(comfort(['discomfort']), overTime('mean', ['type']))],
          unit: grafanaUnit('Cel'),
          legend: '${__field.labels.type}',
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
          title: 'Devices that measure it',
          description: 'About how many devices are in the means of temperature, by type.',
          kind: 'lines',
          queries: [
            pipe(
              from({
                measurement: 'iot.sites.1m',
                fields: ['devices'],
                where: [ofSite, 'r.metric == "temperature"'],
              }),
              overTime('max', ['type']),
            ),
          ],
          unit: 'short',
          min: 0,
          decimals: 0,
          legend: '${__field.labels.type}',
        },
        {
          title: 'Near each device now',
          description:
            'Temperature, humidity and discomfort index near each device, of its last minute in this time. A click on a device leads to its dashboard.',
          kind: 'table',
          queries: [
            pipe(
              from({
                measurement: 'iot.comfort.1m',
                fields: ['temperature', 'humidity', 'discomfort'],
                where: [ofSite],
              }),
              'last()',
              'pivot(rowKey: ["gateway", "device"], columnKey: ["_field"], valueColumn: "_value")',
              'group()',
              'sort(columns: ["discomfort"], desc: true)',
              keep('gateway', 'device', 'temperature', 'humidity', 'discomfort'),
            ),
          ],
          columns: {
            gateway: { title: 'Gateway', link: { to: 'headwater-gateway', variables: { gateway: 'Gateway' } } },
            device: {
              title: 'Device',
              link: { to: 'headwater-device', variables: { gateway: 'Gateway', device: 'Device' } },
            },
            temperature: { title: 'Temperature', unit: grafanaUnit('Cel') },
            humidity: { title: 'Humidity', unit: grafanaUnit('%') },
            discomfort: { title: 'Discomfort', unit: grafanaUnit('Cel') },
          },
          width: 24,
        },
        {
          title: 'Silences at this site',
          description: 'How many devices and gateways of the site were found silent, over time.',
          kind: 'lines',
          queries: [
            pipe(
              from({ measurement: 'iot.silences', fields: ['site'], where: ['r.state == "silent"'] }),
              'filter(fn: (r) => r._value =~ /^${site:regex}$/)',
              'group(columns: ["kind"])',
              'aggregateWindow(every: v.windowPeriod, fn: count, createEmpty: false)',
              keep('_time', '_value', 'kind'),
            ),
          ],
          unit: 'short',
          min: 0,
          decimals: 0,
          legend: '${__field.labels.kind}',
          width: 24,
          height: 6,
        },
      ],
    },
  ],
};
