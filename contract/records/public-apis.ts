import { z } from 'zod';
import { decimal, name, timestamp } from '../names.ts';

/** Temperature in Cel, humidity in %, pressure in hPa, wind in m/s. */
export const WeatherObservation = z.object({
  place: name,
  provider: z.string(),
  temperature: z.number(),
  humidity: z.number().optional(),
  pressure: z.number().optional(),
  windSpeed: z.number().optional(),
  ts: timestamp,
});
export type WeatherObservation = z.infer<typeof WeatherObservation>;

/** One pollutant at one station; `unit` is a UCUM code. */
export const AirMeasurement = z.object({
  station: name,
  provider: z.string(),
  parameter: z.string(),
  value: z.number(),
  unit: z.string(),
  ts: timestamp,
});

/** Speeds in km/h. */
export const TrafficFlow = z.object({
  segment: name,
  provider: z.string(),
  speed: z.number(),
  freeFlowSpeed: z.number(),
  closed: z.boolean().optional(),
  ts: timestamp,
});

export const SocialPost = z.object({
  id: z.string(),
  provider: z.string(),
  author: z.string().optional(),
  text: z.string(),
  ts: timestamp,
});

export const MarketQuote = z.object({
  symbol: z.string(),
  provider: z.string(),
  price: decimal,
  currency: z.string(),
  volume: z.int().optional(),
  ts: timestamp,
});
