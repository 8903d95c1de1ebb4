import { z } from 'zod';

/** Devices, gateways, sites and metrics: what is safe in an MQTT topic, a Kafka key, a file name and a chart's legend. */
export const NAME = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$/;

export const name = z.string().regex(NAME, 'must be 1–64 of A–Z a–z 0–9 _ . : - and begin with a letter or digit');

/** Integer milliseconds since the Unix epoch, within the years 2000–2100. */
export const timestamp = z.int().min(946_684_800_000).max(4_102_444_800_000);

/** A decimal number as a string, for money: never a float. */
export const decimal = z
  .string()
  .regex(/^-?\d{1,18}(\.\d{1,8})?$/, 'must be a decimal number as a string, such as "12.50"');
