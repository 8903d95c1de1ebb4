import { z } from 'zod';
import { name, timestamp } from '../names.ts';

/**
 * What is known to be wrong with a reading's time: `corrected` by a known offset, `replaced` by the time of receipt, `suspect` but kept,
 * `unset` where the gateway itself did not know the time when it received it.
 */
export const Clock = z.enum(['corrected', 'replaced', 'suspect', 'unset']);

/** One measurement. `unit` is a UCUM code, times are milliseconds since the epoch. */
export const Reading = z.object({
  device: name,
  gateway: name,
  site: name,
  metric: name,
  value: z.number(),
  unit: z.string().min(1).max(32),
  ts: timestamp,
  receivedAt: timestamp,
  clock: Clock.optional(),
});
export type Reading = z.infer<typeof Reading>;

/** What a gateway could not read, forwarded so that nothing disappears silently. */
export const Rejected = z.object({
  /** The input and, where there is one, the topic or line: `mqtt:devices/a/b`, `serial:/dev/ttyUSB0`. */
  origin: z.string(),
  code: z.string(),
  reason: z.string(),
  /** The original bytes (at most 4 KiB of them), base64. */
  bytes: z.string(),
  receivedAt: timestamp,
});
export type Rejected = z.infer<typeof Rejected>;

/** Stands in a lane for readings a full or over-age buffer gave up: sequences `from`…`to`, both included. */
export const Evicted = z.object({ from: z.int().min(1), to: z.int().min(1), reason: z.string() });
export type Evicted = z.infer<typeof Evicted>;

/** Reference data of a device. */
export const Device = z.object({ id: name, site: name, type: z.string(), label: z.string().optional() });
export type Device = z.infer<typeof Device>;

/** A gateway's account of itself. Counts are readings since the buffer's incarnation began. */
export const GatewayStatus = z.object({
  gateway: name,
  site: name,
  version: z.string(),
  incarnation: z.string(),
  ts: timestamp,
  startedAt: timestamp,
  /** Readings on disk that Kafka has not acknowledged. */
  backlog: z.object({ readings: z.int(), bytes: z.int(), oldestTs: timestamp.nullable() }),
  counts: z.object({
    acknowledged: z.int(),
    forwarded: z.int(),
    rejected: z.int(),
    duplicates: z.int(),
    /** Given up by a full buffer's policy, after acknowledgement. */
    evicted: z.int(),
    /** Never acknowledged and not kept: QoS 0 and unacknowledged lines while the buffer refused. */
    lost: z.int(),
  }),
  inputs: z.array(z.object({ name: z.string(), state: z.enum(['ok', 'waiting', 'failed']), detail: z.string() })),
  disk: z.object({ freeBytes: z.int(), bufferBytes: z.int() }),
  /** Of the first of `certificates`. */
  certificateExpiresAt: timestamp.nullable(),
  /** What the gateway's connections depend on: its own certificates, the authority it trusts, the brokers'. Absent before 0.2. */
  certificates: z.array(z.object({ name: z.string(), expiresAt: timestamp })).optional(),
  /** `stopped`: its last word before a clean end. Absent before 0.2. */
  state: z.enum(['running', 'stopped']).optional(),
});
export type GatewayStatus = z.infer<typeof GatewayStatus>;
