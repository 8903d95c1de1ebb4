import type { z } from 'zod';
import { Alert, AlertChannel, AlertSilence, Notification } from './records/alerts.ts';
import {
  ComfortWindow,
  Place,
  Silence,
  SiteComfortWindow,
  SiteWeather,
  SiteWindow,
  WeatherReading,
} from './records/climate.ts';
import { Account, Balance, EnrichedTransaction, Transaction } from './records/finance.ts';
import { Device, GatewayStatus, Reading } from './records/iot.ts';
import { AirMeasurement, MarketQuote, SocialPost, TrafficFlow, WeatherObservation } from './records/public-apis.ts';
import {
  Anomaly,
  Breach,
  DeadLetter,
  Episode,
  Health,
  Late,
  ReadingWindow,
  TransactionWindow,
  WebSession,
  WebSiteWindow,
  WebWindow,
} from './records/results.ts';
import { WebRequest } from './records/web.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

export interface Topic {
  readonly name: string;
  /** What the record's key is. */
  readonly key: string;
  readonly partitions: number;
  /** `compact` keeps the last record of each key, `delete` keeps `retentionMs`. */
  readonly cleanup: 'delete' | 'compact';
  readonly retentionMs: number;
  /** How long a compacted topic keeps a record that a later one replaces, at least: joins of older records can see it. */
  readonly minCompactionLagMs?: number;
  /** The value's schema; absent for `iot.raw`, whose values depend on the `kind` header, and for internal topics. */
  readonly schema?: z.ZodType;
  readonly description: string;
}

/** Every topic that one step joins has this many partitions; `topics apply` refuses to change it under stateful readers. */
export const PARTITIONS = 4;

/** Topics of the jobs that people add to a hub begin with this: its users have their rights by it. */
export const OWN_TOPICS = 'own.';

/** A topic as the catalogue has them: a week's records in as many partitions as every other one. */
export function topic(
  name: string,
  key: string,
  description: string,
  schema?: z.ZodType,
  more: Partial<Topic> = {},
): Topic {
  return {
    name,
    key,
    description,
    partitions: PARTITIONS,
    cleanup: 'delete',
    retentionMs: 7 * DAY,
    ...(schema && { schema }),
    ...more,
  };
}

const compact = { cleanup: 'compact', retentionMs: -1 } as const;
/** What records are enriched with: what a gateway kept for as long as its buffer does, 30 days unless told otherwise, finds the rows of its own time. */
const reference = { ...compact, minCompactionLagMs: 31 * DAY } as const;

/** The catalogue of public topics. Internal ones (state, repartition) are named by the steps that own them. */
export const TOPICS = {
  raw: topic('iot.raw', 'gateway', 'what gateways forward, identity in the headers'),
  readings: topic('iot.readings', 'device', 'validated readings, each counted once', Reading),
  readings10s: topic('iot.readings.10s', 'series', 'readings in windows of 10 s', ReadingWindow),
  readings1m: topic('iot.readings.1m', 'series', 'readings in windows of 1 min', ReadingWindow, {
    retentionMs: 30 * DAY,
  }),
  sites1m: topic('iot.sites.1m', 'series', 'readings of all devices of a site in windows of 1 min', SiteWindow, {
    retentionMs: 30 * DAY,
  }),
  comfort1m: topic('iot.comfort.1m', 'series', 'comfort by device in windows of 1 min', ComfortWindow, {
    retentionMs: 30 * DAY,
  }),
  siteComfort1m: topic('iot.sites.comfort.1m', 'series', 'comfort by site in windows of 1 min', SiteComfortWindow, {
    retentionMs: 30 * DAY,
  }),
  weatherReadings: topic('iot.readings.weather', 'site', 'readings with the weather of their site', WeatherReading, {
    retentionMs: DAY,
  }),
  silences: topic('iot.silences', 'series', 'devices and gateways that fell silent, or are back', Silence, {
    retentionMs: 30 * DAY,
  }),
  webRequests: topic('web.requests', 'client address', 'web access log lines', WebRequest),
  webRequests10s: topic('web.requests.10s', 'path', 'web traffic by path in windows of 10 s', WebWindow),
  webRequests1m: topic('web.requests.1m', 'path', 'web traffic by path in windows of 1 min', WebWindow, {
    retentionMs: 30 * DAY,
  }),
  webSite10s: topic('web.site.10s', 'series', 'web traffic of the whole site in windows of 10 s', WebSiteWindow),
  webSite1m: topic('web.site.1m', 'series', 'web traffic of the whole site in windows of 1 min', WebSiteWindow, {
    retentionMs: 30 * DAY,
  }),
  webSessions: topic('web.sessions', 'client address', 'visits of web clients', WebSession, { retentionMs: 30 * DAY }),
  transactions: topic('finance.transactions', 'account', 'financial transactions', Transaction),
  transactions10s: topic(
    'finance.transactions.10s',
    'account',
    'transactions by account in windows of 10 s',
    TransactionWindow,
  ),
  transactions1m: topic(
    'finance.transactions.1m',
    'account',
    'transactions by account in windows of 1 min',
    TransactionWindow,
    {
      retentionMs: 30 * DAY,
    },
  ),
  transactionsEnriched: topic(
    'finance.transactions.enriched',
    'account',
    'transactions with what is known of their account',
    EnrichedTransaction,
  ),
  balances: topic('finance.balances', 'account and currency', 'balances of accounts', Balance, compact),
  weather: topic('weather.observations', 'place', 'weather at places', WeatherObservation),
  siteWeather: topic('weather.sites', 'site', 'weather of sites', SiteWeather, reference),
  air: topic('air.measurements', 'station', 'air quality at stations', AirMeasurement),
  traffic: topic('traffic.flow', 'road segment', 'traffic on road segments', TrafficFlow),
  social: topic('social.posts', 'post id', 'posts of social networks', SocialPost),
  quotes: topic('market.quotes', 'symbol', 'market prices', MarketQuote),
  anomalies: topic('anomalies', 'series', 'what the detectors found', Anomaly, { retentionMs: 30 * DAY }),
  breaches: topic('breaches', 'kind and subject', 'windows in which something was above its limit', Breach, {
    retentionMs: 30 * DAY,
  }),
  episodes: topic('episodes', 'kind and subject', 'breaches that follow one another, as one', Episode, {
    retentionMs: 30 * DAY,
  }),
  alerts: topic('alerts', 'rule and series', 'alerts and their states', Alert, { retentionMs: 30 * DAY }),
  alertSilences: topic(
    'alert-silences',
    'silence',
    'which alerts are not told, until when and why',
    AlertSilence,
    compact,
  ),
  notifications: topic('notifications', 'group', 'alerts as they are told, in groups', Notification, {
    // All of them in one order, for each channel.
    partitions: 1,
    retentionMs: 30 * DAY,
  }),
  alertChannels: topic('alert-channels', 'channel', 'how each channel fares', AlertChannel, compact),
  health: topic('platform.health', 'process', 'lag, disk, memory and certificates of each process', Health, {
    retentionMs: DAY,
  }),
  devices: topic('devices', 'device', 'reference data of devices', Device, reference),
  accounts: topic('accounts', 'account', 'reference data of accounts', Account, reference),
  places: topic('places', 'place', 'reference data of places: which sites have their weather', Place, reference),
  gateways: topic('gateways', 'gateway', 'status of each gateway', GatewayStatus, compact),
  late: topic('late', 'origin topic', 'what came after its window closed', Late, { retentionMs: 30 * DAY }),
  deadLetters: topic('dead-letters', 'origin', 'what could not be understood, and why', DeadLetter, {
    retentionMs: 30 * DAY,
  }),
} as const satisfies Record<string, Topic>;

export const ALL_TOPICS: readonly Topic[] = Object.values(TOPICS);

/** What a Kafka Connect cluster keeps of itself: one partition each, since it has a few connectors and nothing of its own to count. */
export const CONNECT_TOPICS = {
  configs: topic('connect.configs', 'connector', 'connectors and their configurations', undefined, {
    ...compact,
    partitions: 1,
  }),
  offsets: topic('connect.offsets', 'connector', 'positions of source connectors, of which there are none', undefined, {
    ...compact,
    partitions: 1,
  }),
  status: topic('connect.status', 'connector or task', 'what runs and what failed', undefined, {
    ...compact,
    partitions: 1,
  }),
  deadLetters: topic(
    'connect.dead-letters',
    'of the record',
    'records that Connect could not turn into documents, as they were; why is in the headers',
    undefined,
    { retentionMs: 30 * DAY, partitions: 1 },
  ),
} as const satisfies Record<string, Topic>;
