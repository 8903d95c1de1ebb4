import { type Reading, TOPICS } from '../../contract/index.ts';
import { count, field, from, job, last, max, mean, min } from '../../streams/core/index.ts';

const reading = field<Reading>;

/** Readings by device and metric, with the device's site and type, in windows of 10 s and 1 min. A series belongs to one gateway, whose time it keeps. */
export const readings = job(
  'readings',
  from<Reading>(TOPICS.readings, { origin: reading('gateway'), trusted: true })
    .joinTable(TOPICS.devices, 'info')
    .windows({
      by: { gateway: reading('gateway'), device: reading('device'), metric: reading('metric') },
      sizes: [
        { ms: 10_000, to: TOPICS.readings10s },
        { ms: 60_000, to: TOPICS.readings1m },
      ],
      select: {
        unit: last(reading('unit')),
        site: last(field('info', 'site')),
        type: last(field('info', 'type')),
        count: count(),
        mean: mean(reading('value')),
        min: min(reading('value')),
        max: max(reading('value')),
      },
    }),
);
