import { z } from 'zod';
import { decimal, name, timestamp } from '../names.ts';

/**
 * Every window result names its series and window. A later result for the same series and window has a higher `revision` and replaces the
 * earlier one. `windowEnd` is exclusive.
 */
export const window = {
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

/** How often a value came. `count` is at most `error` too high; where `error` is 0 it is exact. */
const Ranked = z.object({ value: z.string(), count: z.int(), error: z.int() });

/** Requests to the whole site, its busiest paths first. Shares are 0…1: `deniedShare` of status 401 and 403, `missingShare` of 404. */
export const WebSiteWindow = z.object({
  ...window,
  errorShare: z.number(),
  deniedShare: z.number(),
  missingShare: z.number(),
  p50: z.number().nullable(),
  p95: z.number().nullable(),
  /** About how many different clients. */
  clients: z.int(),
  topPaths: z.array(Ranked),
});
export type WebSiteWindow = z.infer<typeof WebSiteWindow>;

/**
 * The requests of one client without a pause of half an hour; while it goes on, as it is so far (`early`). A session that became part of another
 * has that one's start in `mergedInto`, and no results.
 */
export const WebSession = z.object({
  ...window,
  early: z.boolean(),
  mergedInto: timestamp.nullable(),
  clientIp: z.string(),
  /** About how many different paths. */
  paths: z.int(),
  /** From the first request to the last. */
  durationMs: z.number().nullable(),
  entryPath: z.string().nullable(),
  exitPath: z.string().nullable(),
  errorShare: z.number().nullable(),
  bytes: z.number().nullable(),
});
export type WebSession = z.infer<typeof WebSession>;

/** A window in which something was above its limit. Who goes on from one to the next is told by `Episode`. */
export const Breach = z.object({
  ...window,
  /** What was above its limit, such as `client-hammering`. */
  kind: name,
  /** Who: a client, an account, `site`. */
  subject: z.string(),
  /** What was measured, where it is not the count. */
  value: z.number().optional(),
});
export type Breach = z.infer<typeof Breach>;

/** Breaches of one kind and subject that follow one another: one episode, told when it begins (`early`), while it goes on and when it is over. */
export const Episode = z.object({
  ...window,
  early: z.boolean(),
  mergedInto: timestamp.nullable(),
  kind: name,
  subject: z.string(),
  /** The most requests or transactions in one of its windows. */
  most: z.number().nullable(),
  /** The greatest `value` of its windows, where they have one. */
  peak: z.number().nullable(),
  /** End of its last window. */
  until: timestamp.nullable(),
});
export type Episode = z.infer<typeof Episode>;

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

/**
 * A process's account of its own health; a broker's is told by every hub, as a client sees it (`kafka-1`). Lags are records by `group/topic`. What rules are
 * about stands in a field of its own.
 */
export const Health = z.object({
  process: z.string(),
  kind: z.enum(['gateway', 'hub', 'kafka']),
  ts: timestamp,
  rssMb: z.number(),
  cpuShare: z.number(),
  diskFreeBytes: z.int().nullable(),
  lag: z.record(z.string(), z.int()),
  /** The first of those that it depends on. */
  certificateExpiresAt: timestamp.nullable(),
  counts: z.record(z.string(), z.int()),
  startedAt: timestamp.optional(),
  /** The greatest of its lags, and whose that is: `group/topic`. */
  lagMax: z.int().optional(),
  lagMaxOf: z.string().optional(),
  /** Which certificate is the first to expire, and in how many days; below 0 when it has. */
  certificate: z.string().optional(),
  certificateDaysLeft: z.number().optional(),
  /** From the receipt of live readings at their gateway to the page, over the last minute; null where there were none. */
  latencyMs: z.object({ p50: z.number().nullable(), p99: z.number().nullable() }).optional(),
});
export type Health = z.infer<typeof Health>;
