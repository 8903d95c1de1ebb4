import { z } from 'zod';
import { name, timestamp } from '../names.ts';

/** Names of labels: what Prometheus and Flux take as they are. */
export const LABEL = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
const label = z.string().regex(LABEL, 'must be 1–64 of A–Z a–z 0–9 _ and not begin with a digit');

/** What an alert is about: gateway, site, device … */
export const Labels = z.record(label, z.string());
export type Labels = z.infer<typeof Labels>;

export const SEVERITIES = ['info', 'warning', 'critical'] as const;
const severity = z.enum(SEVERITIES);

export const Alert = z.object({
  /** Same for every state of one episode. */
  id: z.string(),
  rule: z.string(),
  series: z.string(),
  state: z.enum(['pending', 'firing', 'resolved']),
  severity,
  summary: z.string(),
  value: z.number().nullable(),
  since: timestamp,
  ts: timestamp,
  /** Absent before 0.2. */
  labels: Labels.optional(),
});
export type Alert = z.infer<typeof Alert>;

/** One condition on an alert's labels, `rule`, `severity` and `series` among them. `*` in the value stands for any text, `\*` for a star. A label that is missing is ''. */
export const Matcher = z.object({ label, op: z.enum(['=', '!=']), value: z.string().max(500) });
export type Matcher = z.infer<typeof Matcher>;

/** While it lasts, alerts that all its matchers fit are not told. */
export const AlertSilence = z.object({
  id: name,
  matchers: z.array(Matcher).min(1).max(20),
  start: timestamp,
  /** Exclusive. One that is ended early has its end changed. */
  end: timestamp,
  comment: z.string().min(1).max(1_000),
  author: z.string().min(1).max(100),
  /** When this version of it was written. */
  ts: timestamp,
});
export type AlertSilence = z.infer<typeof AlertSilence>;

/** Alerts of one group, as people and other systems are told of them. */
export const Notification = z.object({
  /** Of this and no other notification, however often it arrives: a receiver drops what it has seen. */
  id: z.string(),
  /** Strictly increasing. */
  ts: timestamp,
  /** Names the group. */
  group: z.string(),
  /** What its alerts have in common. */
  labels: Labels,
  /** `firing` while one of the group's alerts fires. */
  state: z.enum(['firing', 'resolved']),
  /** Told before: nothing changed for the time after which it is told again. */
  repeated: z.boolean(),
  /** All that fire and may be told, and all that are over since the last time. */
  firing: z.int(),
  resolved: z.int(),
  /** Of these, those that were not told before first; `omitted` more are in other parts, or only counted where they were told before. */
  alerts: z.array(Alert),
  omitted: z.int(),
  /** Where what is to be told is more than one notification holds: which of several this is. Absent of the first. */
  part: z.int().min(2).optional(),
  /** By when it is told again while it fires. */
  repeatBy: timestamp,
  /** Sent by a person to try a channel. */
  test: z.literal(true).optional(),
});
export type Notification = z.infer<typeof Notification>;

/** How a channel fares. Counts are since its hub process began. */
export const AlertChannel = z.object({
  channel: name,
  kind: z.string(),
  /** The hub process that tells it at present. */
  process: z.string(),
  /** `waiting`: what it was given is tried again. */
  state: z.enum(['ready', 'waiting']),
  detail: z.string(),
  /** Offset in `notifications` of the next that it is to be told. */
  position: z.int(),
  /** When it last accepted one. */
  acceptedAt: timestamp.nullable(),
  accepted: z.int(),
  /** Given up: the receiver said that it will never take them. They lie in `dead-letters`. */
  refused: z.int(),
  /** What it is told of. */
  severities: z.array(severity),
  matchers: z.array(Matcher),
  resolved: z.boolean(),
  ts: timestamp,
});
export type AlertChannel = z.infer<typeof AlertChannel>;
