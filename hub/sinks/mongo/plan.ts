import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { HeadwaterError, PARTITIONS } from '../../../contract/index.ts';
import type { StoreChange } from '../influx/admin.ts';
import { connectClient } from './connect.ts';
import { connectorConfigs } from './connectors.ts';
import { readUri } from './database.ts';
import { planConnectors } from './plan-connectors.ts';
import { planIndexes } from './plan-indexes.ts';

const file = z.string().min(1);

/** How Connect's REST interface is reached: in the hub's configuration to watch it, in that of the stores to change it. */
export const ConnectConfig = z.strictObject({
  url: z
    .url({ protocol: /^https?$/, error: 'must be an address such as http://127.0.0.1:8083' })
    .describe('Of the REST interface of Kafka Connect.'),
  username: z.string().min(1).optional().describe('Where that asks for an account.'),
  passwordFile: file.optional(),
});
export type ConnectConfig = z.output<typeof ConnectConfig>;

/** `mongo` of the stores' configuration: the database, and the Connect cluster that fills it. */
export const MongoAdminConfig = z.strictObject({
  uriFile: file.describe('File with a line `uri=mongodb://user:password@host/`, mode 0600.'),
  database: z.string().min(1).default('headwater'),
  connect: ConnectConfig.extend({
    uriFile: file
      .optional()
      .describe('The same file by the path that Connect’s machine has for it, where that is another.'),
    replication: z
      .int()
      .min(1)
      .max(3)
      .default(1)
      .describe('Replicas of the topic of dead letters, where Connect has to make it.'),
  }),
  tasks: z.int().min(1).max(PARTITIONS).default(1).describe('Tasks of each connector.'),
  maxBatchSize: z
    .int()
    .min(0)
    .optional()
    .describe(
      'Documents in one write; unless given as many as were read, and 50 on a FerretDB, which hangs on more than 100.',
    ),
});
export type MongoAdminConfig = z.output<typeof MongoAdminConfig>;

export function connectSettings({ url, username, passwordFile }: ConnectConfig) {
  return { url, username, password: passwordFile && secret(passwordFile) };
}

const FERRETDB_BATCH = 50;

/** Indexes first: they are made in no time while a collection is empty. @throws HeadwaterError */
export async function planMongo(config: MongoAdminConfig): Promise<StoreChange[]> {
  const { connect, tasks, database } = config;
  const { changes, isFerretDb } = await planIndexes(readUri(config.uriFile), database);
  const configs = connectorConfigs({
    uriFile: connect.uriFile ?? config.uriFile,
    database,
    tasksMax: tasks,
    maxBatchSize: config.maxBatchSize ?? (isFerretDb ? FERRETDB_BATCH : 0),
    replication: connect.replication,
  });
  return [...changes, ...(await planConnectors(connectClient(connectSettings(connect)), configs))];
}

function secret(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (cause) {
    throw new HeadwaterError('CONFIG_MISSING', `connect.passwordFile cannot be read: ${(cause as Error).message}`, {
      cause,
    });
  }
}
