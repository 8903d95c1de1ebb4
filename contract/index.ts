export { DOCUMENT_TOPICS, type Operation, RIGHTS, type Right, USERS, type User } from './access.ts';
export { type ConfigSource, duration, parseConfig, size } from './config.ts';
export { CONTRACT_VERSION, decode, encode, HEADER, type RawKind } from './encoding.ts';
export { HeadwaterError } from './error.ts';
export { formatIdentity, type Identity, LANES, type Lane, parseIdentity } from './identity.ts';
export { decimal, NAME, name, timestamp } from './names.ts';
export {
  Alert,
  AlertChannel,
  AlertSilence,
  LABEL,
  Labels,
  Matcher,
  Notification,
  SEVERITIES,
} from './records/alerts.ts';
export {
  ComfortWindow,
  Place,
  Silence,
  SiteComfortWindow,
  SiteWeather,
  SiteWindow,
  WeatherReading,
} from './records/climate.ts';
export { Account, Balance, EnrichedTransaction, Transaction } from './records/finance.ts';
export { Clock, Device, Evicted, GatewayStatus, Reading, Rejected } from './records/iot.ts';
export { AirMeasurement, MarketQuote, SocialPost, TrafficFlow, WeatherObservation } from './records/public-apis.ts';
export {
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
export { WebRequest } from './records/web.ts';
export { ALL_TOPICS, CONNECT_TOPICS, OWN_TOPICS, PARTITIONS, TOPICS, type Topic, topic } from './topics.ts';
export { METRICS, type Metric, outOfRange, unitOf } from './units.ts';
