import { z } from 'zod';
import {
  Alert,
  AlertChannel,
  AlertSilence,
  Anomaly,
  ComfortWindow,
  DeadLetter,
  decode,
  Episode,
  GatewayStatus,
  HEADER,
  Health,
  Late,
  Notification,
  OWN_TOPICS,
  Reading,
  ReadingWindow,
  Silence,
  SiteComfortWindow,
  SiteWeather,
  SiteWindow,
  TOPICS,
  TransactionWindow,
  timestamp,
  WebSiteWindow,
  WebWindow,
} from '../../../contract/index.ts';
import type { IncomingRecord } from '../../../kafka/index.ts';

/** A reading as it passes the live feed; `lane` is undefined where the record did not say. */
export interface LiveReading {
  readonly reading: Reading;
  readonly lane: string | undefined;
}

/** What a gateway or process said of itself, and when the broker got it: its own clock may be off. */
export interface Seen<T> {
  readonly value: T;
  readonly seenAt: number;
}

/** A row of windows of a job that was added to the hub: its other columns are whatever was declared. */
export const OwnWindow = z.looseObject({
  series: z.string(),
  windowStart: timestamp,
  windowEnd: timestamp,
  revision: z.int().min(0),
});
export type OwnWindow = z.infer<typeof OwnWindow>;

export type WindowValue =
  | ReadingWindow
  | SiteWindow
  | ComfortWindow
  | SiteComfortWindow
  | WebWindow
  | WebSiteWindow
  | TransactionWindow
  | Episode
  | OwnWindow;

/** What a batch of one topic held, by kind. */
export interface Results {
  readonly readings: LiveReading[];
  readonly windows: { readonly topic: string; readonly value: WindowValue }[];
  readonly anomalies: Anomaly[];
  readonly alerts: Alert[];
  /** Of topics whose latest record of each key counts; `value` null where there is none any more. */
  readonly current: { readonly topic: string; readonly key: string; readonly value: object | null }[];
  /** With the offset of each. */
  readonly notifications: { readonly at: number; readonly value: Notification }[];
  readonly gateways: Seen<GatewayStatus>[];
  readonly health: Seen<Health>[];
  readonly deadLetters: DeadLetter[];
  readonly late: Late[];
  /** Records that are not what the contract says their topic holds. */
  readonly unreadable: { readonly offset: number; readonly reason: string }[];
}

type Accept = (into: Results, record: IncomingRecord) => string | undefined;

function accept<T>(schema: z.ZodType<T>, put: (into: Results, value: T, record: IncomingRecord) => void): Accept {
  return (into, record) => {
    const parsed = schema.safeParse(decode(record.value));
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      return `${issue?.path.join('.') || 'value'}: ${issue?.message}`;
    }
    put(into, parsed.data, record);
    return undefined;
  };
}

const acceptWindow = (topic: string, schema: z.ZodType<WindowValue>) =>
  accept(schema, (into, value) => into.windows.push({ topic, value }));

const { readings, readings10s, readings1m, webRequests10s, webRequests1m, transactions10s, transactions1m } = TOPICS;

const ACCEPT: Readonly<Record<string, Accept>> = {
  [readings.name]: accept(Reading, (into, reading, record) =>
    into.readings.push({ reading, lane: record.headers[HEADER.lane] }),
  ),
  [readings10s.name]: acceptWindow(readings10s.name, ReadingWindow),
  [readings1m.name]: acceptWindow(readings1m.name, ReadingWindow),
  [TOPICS.sites1m.name]: acceptWindow(TOPICS.sites1m.name, SiteWindow),
  [TOPICS.comfort1m.name]: acceptWindow(TOPICS.comfort1m.name, ComfortWindow),
  [TOPICS.siteComfort1m.name]: acceptWindow(TOPICS.siteComfort1m.name, SiteComfortWindow),
  [TOPICS.siteWeather.name]: accept(SiteWeather, (into, value) =>
    into.current.push({ topic: TOPICS.siteWeather.name, key: value.site, value }),
  ),
  [TOPICS.silences.name]: accept(Silence, (into, value) =>
    into.current.push({
      topic: TOPICS.silences.name,
      key: value.series,
      value: value.state === 'silent' ? value : null,
    }),
  ),
  [webRequests10s.name]: acceptWindow(webRequests10s.name, WebWindow),
  [webRequests1m.name]: acceptWindow(webRequests1m.name, WebWindow),
  [transactions10s.name]: acceptWindow(transactions10s.name, TransactionWindow),
  [transactions1m.name]: acceptWindow(transactions1m.name, TransactionWindow),
  [TOPICS.webSite10s.name]: acceptWindow(TOPICS.webSite10s.name, WebSiteWindow),
  [TOPICS.webSite1m.name]: acceptWindow(TOPICS.webSite1m.name, WebSiteWindow),
  [TOPICS.episodes.name]: acceptWindow(TOPICS.episodes.name, Episode),
  [TOPICS.anomalies.name]: accept(Anomaly, (into, value) => into.anomalies.push(value)),
  [TOPICS.alerts.name]: accept(Alert, (into, value) => into.alerts.push(value)),
  [TOPICS.alertSilences.name]: accept(AlertSilence, (into, value) =>
    into.current.push({ topic: TOPICS.alertSilences.name, key: value.id, value }),
  ),
  [TOPICS.alertChannels.name]: accept(AlertChannel, (into, value) =>
    into.current.push({ topic: TOPICS.alertChannels.name, key: value.channel, value }),
  ),
  [TOPICS.notifications.name]: accept(Notification, (into, value, { offset }) => {
    // One is shown for all its parts.
    if (value.part === undefined) into.notifications.push({ at: offset, value });
  }),
  [TOPICS.gateways.name]: accept(GatewayStatus, (into, value, record) =>
    into.gateways.push({ value, seenAt: record.appendedAt }),
  ),
  [TOPICS.health.name]: accept(Health, (into, value, record) => into.health.push({ value, seenAt: record.appendedAt })),
  [TOPICS.deadLetters.name]: accept(DeadLetter, (into, value) => into.deadLetters.push(value)),
  [TOPICS.late.name]: accept(Late, (into, value) => into.late.push(value)),
};

/** The topics the embedded store and the live page read. */
export const RESULT_TOPICS: readonly string[] = Object.keys(ACCEPT);

/** Sorts the records of one topic by kind. A tombstone (no value) is passed over, but of a channel: the store keeps what it last knew. */
export function readResults(topic: string, records: readonly IncomingRecord[]): Results {
  const results: Results = {
    readings: [],
    windows: [],
    anomalies: [],
    alerts: [],
    current: [],
    notifications: [],
    gateways: [],
    health: [],
    deadLetters: [],
    late: [],
    unreadable: [],
  };
  const read = ACCEPT[topic] ?? (topic.startsWith(OWN_TOPICS) ? acceptWindow(topic, OwnWindow) : undefined);
  for (const record of records) {
    if (record.value === null) {
      if (topic === TOPICS.alertChannels.name && record.key !== null)
        results.current.push({ topic, key: record.key, value: null });
      continue;
    }
    const reason = read === undefined ? `topic ${topic} is not one of results` : read(results, record);
    if (reason !== undefined) results.unreadable.push({ offset: record.offset, reason });
  }
  return results;
}
