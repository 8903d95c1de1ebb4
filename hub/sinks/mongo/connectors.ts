import { CONNECT_TOPICS } from '../../../contract/index.ts';
import { COLLECTIONS, type Collection } from './collections.ts';
import { connectSchema } from './schema.ts';

export interface ConnectorOptions {
  /** File with a line `uri=mongodb://…` as the machine of Connect sees it. The configuration names it; nobody reads the address from it. */
  readonly uriFile: string;
  readonly database: string;
  /** Tasks of each connector, at most as many as its topic has partitions. */
  readonly tasksMax: number;
  /** Documents in one bulk write; 0: as many as were fetched. */
  readonly maxBatchSize: number;
  readonly replication: number;
}

export type ConnectorConfig = Readonly<Record<string, string>>;

/** By their names all of ours are known. */
export const CONNECTOR_PREFIX = 'mongo-';
export const connectorName = (collection: Pick<Collection, 'name'>) => `${CONNECTOR_PREFIX}${collection.name}`;
/** Connect's consumers of a connector are this group. */
export const groupOf = (connector: string) => `connect-${connector}`;

const STRATEGIES = 'com.mongodb.kafka.connect.sink.processor.id.strategy';

/** Configurations of all connectors by name, as `PUT /connectors/NAME/config` takes them. */
export function connectorConfigs(
  options: ConnectorOptions,
  collections: readonly Collection[] = COLLECTIONS,
): ReadonlyMap<string, ConnectorConfig> {
  return new Map(collections.map((collection) => [connectorName(collection), configOf(collection, options)]));
}

function configOf(collection: Collection, options: ConnectorOptions): ConnectorConfig {
  const { name, topic, id } = collection;
  return {
    name: connectorName(collection),
    'connector.class': 'com.mongodb.kafka.connect.MongoSinkConnector',
    'tasks.max': String(options.tasksMax),
    topics: topic.name,
    'connection.uri': `\${file:${options.uriFile}:uri}`,
    database: options.database,
    collection: name,

    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter.schemas.enable': 'true',
    'value.converter.schema.content': JSON.stringify(connectSchema(topic.schema!)),

    // The whole document is replaced, so a record written twice is the same document.
    'writemodel.strategy': 'com.mongodb.kafka.connect.sink.writemodel.strategy.ReplaceOneDefaultStrategy',
    // Of a record without a value the sink can make no document, and its task would fail with it for ever.
    transforms: typeof id === 'string' ? 'valued,id' : 'valued',
    'transforms.valued.type': 'org.apache.kafka.connect.transforms.Filter',
    'transforms.valued.predicate': 'tombstone',
    predicates: 'tombstone',
    'predicates.tombstone.type': 'org.apache.kafka.connect.transforms.predicates.RecordIsTombstone',
    ...(typeof id === 'string' ? idIn(id) : idOf(id)),
    // A later state comes after an earlier one of the same key; unordered, a server may swap them.
    'bulk.write.ordered': 'true',
    'max.batch.size': String(options.maxBatchSize),

    'consumer.override.isolation.level': 'read_committed',

    // What is no record of this topic goes to dead letters,
    'errors.tolerance': 'all',
    'errors.deadletterqueue.topic.name': CONNECT_TOPICS.deadLetters.name,
    'errors.deadletterqueue.topic.replication.factor': String(options.replication),
    'errors.deadletterqueue.context.headers.enable': 'true',
    'errors.log.enable': 'true',
    'errors.log.include.messages': 'false',
    // and what the database does not take fails the task, which is started again: else a server that is down, full or has just lost its
    // primary would turn good records into dead letters.
    'mongo.errors.tolerance': 'none',
  };
}

/** `_id` instead of the field. */
const idIn = (field: string) => ({
  'transforms.id.type': 'org.apache.kafka.connect.transforms.ReplaceField$Value',
  'transforms.id.renames': `${field}:_id`,
  'document.id.strategy': `${STRATEGIES}.ProvidedInValueStrategy`,
});

/** `_id` of fields, which stay. */
const idOf = (fields: readonly string[]) => ({
  'document.id.strategy': `${STRATEGIES}.PartialValueStrategy`,
  'document.id.strategy.partial.value.projection.type': 'AllowList',
  'document.id.strategy.partial.value.projection.list': fields.join(','),
});
