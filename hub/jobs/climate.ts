import { type Reading, type SiteWeather, TOPICS, type WeatherObservation } from '../../contract/index.ts';
import {
  and,
  count,
  distinct,
  eq,
  type Flow,
  field,
  from,
  isNull,
  job,
  last,
  lte,
  max,
  mean,
  min,
  minus,
  not,
  or,
  times,
  when,
} from '../../streams/core/index.ts';

/** A reading of a device, with the site and type that the device is registered with. */
interface Placed extends Reading {
  readonly type: string;
}
const reading = field<Placed>;

/** Windows of a whole site take what its gateways kept through an outage of this length; what is older is in the windows of its device only. */
const SITE_GRACE_MS = 6 * 3_600_000;
/** Weather from longer before or after a reading says nothing of it. */
const WEATHER_MS = 3 * 3_600_000;

const placed = from<Reading>(TOPICS.readings, { origin: reading('gateway'), trusted: true })
  .joinTable(TOPICS.devices, 'info')
  .map<Placed>(({ info, infoFromLater: _, ...of }) => ({
    ...of,
    site: (info?.site as string | undefined) ?? of.site,
    type: (info?.type as string | undefined) ?? 'unknown',
  }));
/** All that is said of a site goes through one topic. */
const bySite = placed.keyBy('site', reading('site'));

const isTemperature = and(eq(reading('metric'), 'temperature'), eq(reading('unit'), 'Cel'));
const isHumidity = and(eq(reading('metric'), 'humidity'), eq(reading('unit'), '%'));

const temperature = field('temperature');
/**
 * The discomfort index of E. C. Thom ("The Discomfort Index", Weatherwise 12, 1959) in Cel, of temperature in Cel and relative humidity in %, in the form of
 * B. D. Giles, C. Balafoutis and P. Maheras ("Too hot for comfort", International Journal of Biometeorology 34, 1990).
 */
const discomfort = minus(temperature, times(minus(0.55, times(0.0055, field('humidity'))), minus(temperature, 14.5)));

/** Temperature and humidity of one window, and how they feel together; windows that lack one of them are not put out. */
const comfort = {
  select: {
    count: count(),
    temperature: mean(when(isTemperature, reading('value'))),
    humidity: mean(when(isHumidity, reading('value'))),
  },
  derive: { discomfort },
  having: not(isNull(field('discomfort'))),
};
const air = (of: Flow<Placed>) => of.filter(or(isTemperature, isHumidity));

const comfortByDevice = air(placed).windows({
  by: { gateway: reading('gateway'), device: reading('device') },
  sizes: [{ ms: 60_000, to: TOPICS.comfort1m }],
  ...comfort,
  select: { site: last(reading('site')), type: last(reading('type')), ...comfort.select },
});

const comfortBySite = air(bySite).windows({
  by: { site: reading('site'), type: reading('type') },
  sizes: [{ ms: 60_000, to: TOPICS.siteComfort1m }],
  ...comfort,
  select: { devices: distinct(reading('device')), ...comfort.select },
  graceMs: SITE_GRACE_MS,
});

/** Devices of different types are not averaged: the heat of a machine is not that of the hall. */
const sites = bySite.windows({
  by: { site: reading('site'), type: reading('type'), metric: reading('metric'), unit: reading('unit') },
  sizes: [{ ms: 60_000, to: TOPICS.sites1m }],
  select: {
    count: count(),
    devices: distinct(reading('device')),
    mean: mean(reading('value')),
    min: min(reading('value')),
    max: max(reading('value')),
  },
  graceMs: SITE_GRACE_MS,
});

const weatherOfSites = from<WeatherObservation>(TOPICS.weather)
  .joinTable(TOPICS.places, 'at')
  .flatMap<SiteWeather>(({ at, atFromLater: _, ...observation }) =>
    ((at?.sites ?? []) as string[]).map((site) => ({ site, ...observation })),
  )
  .into(TOPICS.siteWeather, { key: field<SiteWeather>('site') });

const observedAt = field('outside', 'ts');
const readingsWithWeather = bySite
  .joinTable(TOPICS.siteWeather, 'outside')
  .filter(and(lte(minus(reading('ts'), observedAt), WEATHER_MS), lte(minus(observedAt, reading('ts')), WEATHER_MS)))
  .map(({ outside, outsideFromLater: _, ...of }) => {
    const { site: __, ...weather } = outside!;
    return { ...of, outside: weather };
  })
  .into(TOPICS.weatherReadings);

/** How it is at each site: its readings in windows of 1 min, how the air feels there and near each device, and every reading with the weather outside. */
export const climate = job('climate', [comfortByDevice, weatherOfSites, sites, comfortBySite, readingsWithWeather]);
