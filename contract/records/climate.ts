import { z } from 'zod';
import { name, timestamp } from '../names.ts';
import { Reading } from './iot.ts';
import { WeatherObservation } from './public-apis.ts';
import { window } from './results.ts';

/** Readings of all devices of one site and type, by metric and unit. `type` is "unknown" of devices that are not in the `devices` topic. */
export const SiteWindow = z.object({
  ...window,
  site: name,
  type: z.string(),
  metric: name,
  unit: z.string(),
  /** About how many. */
  devices: z.int().min(1),
  mean: z.number(),
  min: z.number(),
  max: z.number(),
});
export type SiteWindow = z.infer<typeof SiteWindow>;

/** `discomfort` is Thom's index (1959) in Cel, from the mean `temperature` in Cel and relative `humidity` in %. */
const comfort = { temperature: z.number(), humidity: z.number(), discomfort: z.number() };

/** How the air near one device feels. */
export const ComfortWindow = z.object({
  ...window,
  gateway: name,
  device: name,
  site: name,
  type: z.string(),
  ...comfort,
});
export type ComfortWindow = z.infer<typeof ComfortWindow>;

/** How the air feels, after all devices of one site and type. */
export const SiteComfortWindow = z.object({
  ...window,
  site: name,
  type: z.string(),
  /** About how many. */
  devices: z.int().min(1),
  ...comfort,
});
export type SiteComfortWindow = z.infer<typeof SiteComfortWindow>;

/** Reference data of a place of which the weather is known: the sites that have that weather. A site is at one place. */
export const Place = z.object({ id: name, sites: z.array(name), label: z.string().optional() });
export type Place = z.infer<typeof Place>;

/** The weather of a site. */
export const SiteWeather = WeatherObservation.extend({ site: name });
export type SiteWeather = z.infer<typeof SiteWeather>;

/** A reading with the weather of its site, as it was known at the reading's time. */
export const WeatherReading = Reading.extend({ type: z.string(), outside: WeatherObservation });
export type WeatherReading = z.infer<typeof WeatherReading>;

/** A device or a gateway fell silent, or is back. */
export const Silence = z.object({
  /** Same for both ends of one silence. */
  id: z.string(),
  /** `<gateway>/<device>`, or the gateway. */
  series: z.string(),
  kind: z.enum(['device', 'gateway']),
  /** `forgotten`: it never came back, and is no longer waited for. */
  state: z.enum(['silent', 'back', 'forgotten']),
  /** `no-status`: the gateway itself is not heard; `stopped`: and it said that it stops; `no-readings`: it is, but nothing of its devices. */
  cause: z.enum(['no-status', 'stopped', 'no-readings']),
  gateway: name,
  site: z.string().nullable(),
  /** Null where the gateway is silent. */
  device: name.nullable(),
  /** When it was last heard. */
  since: timestamp,
  /** The longest pause that is usual for the device, ms; null for a gateway. */
  usualMs: z.int().nullable(),
  ts: timestamp,
});
export type Silence = z.infer<typeof Silence>;
