export { COLLECTIONS, type Collection, type Index } from './collections.ts';
export { type ConnectClient, type ConnectorStatus, connectClient } from './connect.ts';
export { CONNECTOR_PREFIX, connectorConfigs, connectorName, groupOf } from './connectors.ts';
export { readUri, uriFileContent } from './database.ts';
export { CONNECT_METRICS, connectPart } from './metrics.ts';
export { ConnectConfig, connectSettings, MongoAdminConfig, planMongo } from './plan.ts';
export { CONNECT_GROUPS, type ConnectorView, type ConnectView, type ConnectWatch, startConnectWatch } from './watch.ts';
