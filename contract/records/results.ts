import { z } from 'zod';
import { decimal, name, timestamp } from '../names.ts';

/**
 * Every window result names its series and window. A later result for the same series and window has a higher `revision` and replaces the
 * earlier one. `windowEnd` is exclusive.
 */
const window = {
  series: z.string(),
  windowStart: timestamp,
  windowEnd: timestamp,
  revision: z.int().min(0),
  count: z.int().min(0),
};

/** Readings of one device and metric; `site` and `type` come from the `devices` topic, null where the device is not in it. */
export const ReadingWindow = z.object({
  ...window,
  device: name,
  metric: name,
  unit: z.string(),
  gateway: name,
  site: z.string().nullable(),
  type: z.string().nullable(),
  mean: z.number(),
  min: z.number(),
  max: z.number(),
});
export type ReadingWindow = z.infer<typeof ReadingWindow>;

/** Requests to one path. Response times in ms, null where the log has none; `errorShare` is the share of status 500 and above, 0…1. */
export const WebWindow = z.object({
  ...window,
  path: z.string(),
  errorShare: z.number(),
  p50: z.number().nullable(),
  p95: z.number().nullable(),
  p99: z.number().nullable(),
});
export type WebWindow = z.infer<typeof WebWindow>;

/** Transactions of one account, in its currency. */
export const TransactionWindow = z.object({
  ...window,
  account: z.string(),
  currency: z.string(),
  sum: decimal,
  max: decimal,
});
export type TransactionWindow = z.infer<typeof TransactionWindow>;

/** `score` is 0…1; `value` and `expected` are in the series' own unit. */
export const Anomaly = z.object({
  id: z.string(),
  source: z.enum(['readings', 'response-times', 'amounts']),
  series: z.string(),
  ts: timestamp,
  value: z.number(),
  expected: z.number().nullable(),
  score: z.number(),
  reason: z.string(),
  detector: z.string(),
});
export type Anomaly = z.infer<typeof Anomaly>;

export const Alert = z.object({
  /** Same for every state of one episode. */
  id: z.string(),
  rule: z.string(),
  series: z.string(),
  state: z.enum(['pending', 'firing', 'resolved']),
  severity: z.enum(['info', 'warning', 'critical']),
  summary: z.string(),
  value: z.number().nullable(),
  since: timestamp,
  ts: timestamp,
});
export type Alert = z.infer<typeof Alert>;

/** What came after its window had closed. */
export const Late = z.object({
  topic: z.string(),
  step: z.string(),
  series: z.string(),
  ts: timestamp,
  windowStart: timestamp,
  windowEnd: timestamp,
  watermark: timestamp,
  /** The original value, base64. */
  bytes: z.string(),
});
export type Late = z.infer<typeof Late>;

/** What could not be understood, where it came from and why. */
export const DeadLetter = z.object({
  /** `mqtt:…`, `serial:…`, `log:…`, or `topic/partition@offset`. */
  origin: z.string(),
  code: z.string(),
  reason: z.string(),
  /** The original bytes (at most 4 KiB of them), base64. */
  bytes: z.string(),
  ts: timestamp,
});
export type DeadLetter = z.infer<typeof DeadLetter>;

/** A process's account of its own health. Lags are records by `group/topic`. */
export const Health = z.object({
  process: z.string(),
  kind: z.enum(['gateway', 'hub', 'kafka']),
  ts: timestamp,
  rssMb: z.number(),
  cpuShare: z.number(),
  diskFreeBytes: z.int().nullable(),
  lag: z.record(z.string(), z.int()),
  certificateExpiresAt: timestamp.nullable(),
  counts: z.record(z.string(), z.int()),
});
export type Health = z.infer<typeof Health>;
