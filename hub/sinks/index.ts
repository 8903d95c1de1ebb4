export { type Feed, type FeedState, type Intake, type Listener, openIntake } from './embedded/feed.ts';
export { type LiveFeedOptions, startLiveFeed } from './embedded/live-feed.ts';
export type { GatewayView, Queries, Tally, Totals } from './embedded/queries.ts';
export {
  type LiveReading,
  type OwnWindow,
  RESULT_TOPICS,
  type Results,
  type Seen,
  type WindowValue,
} from './embedded/results.ts';
export { OWN_RETENTION, type Retention, WINDOW_RETENTION } from './embedded/retention.ts';
export { openStore, type Store, type StoreOptions } from './embedded/store.ts';
export { InfluxAdminConfig, planInflux, type StoreChange } from './influx/admin.ts';
export { InfluxConfig } from './influx/config.ts';
export { DOWNSAMPLED, downsample } from './influx/downsampling.ts';
export { type Line, linesOf } from './influx/lines.ts';
export { INFLUX_METRICS, influxPart } from './influx/metrics.ts';
export { ownMeasurements } from './influx/own.ts';
export { type Bucket, type FieldType, MEASUREMENTS, type Measurement, NOT_STORED } from './influx/points.ts';
export { measurementsTable } from './influx/reference.ts';
export {
  INFLUX_GROUP,
  INFLUX_OWN_GROUP,
  type InfluxSink,
  type InfluxSinkOptions,
  type InfluxSinkStatus,
  startInfluxSink,
} from './influx/sink.ts';
export {
  COLLECTIONS,
  CONNECT_GROUPS,
  CONNECT_METRICS,
  ConnectConfig,
  type ConnectorView,
  type ConnectView,
  type ConnectWatch,
  connectClient,
  connectorName,
  connectPart,
  connectSettings,
  MongoAdminConfig,
  planMongo,
  startConnectWatch,
  uriFileContent,
} from './mongo/index.ts';
export { loadStoresConfig, planStores, StoresConfig } from './stores.ts';
