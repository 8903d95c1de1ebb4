import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { HeadwaterError, parseConfig } from '../../contract/index.ts';
import { InfluxAdminConfig, planInflux, type StoreChange } from './influx/admin.ts';
import { MongoAdminConfig, planMongo } from './mongo/index.ts';

/** What `headwater stores` is told: each store that there is. */
export const StoresConfig = z.strictObject({
  influx: InfluxAdminConfig.optional(),
  mongo: MongoAdminConfig.optional(),
});
export type StoresConfig = z.output<typeof StoresConfig>;

/** @throws HeadwaterError `CONFIG_MISSING` or `CONFIG_INVALID` */
export function loadStoresConfig(path: string, env: NodeJS.ProcessEnv = process.env): StoresConfig {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new HeadwaterError(
      'CONFIG_MISSING',
      `the stores’ configuration cannot be read: ${(cause as Error).message}`,
      { cause },
    );
  }
  const config = parseConfig(StoresConfig, { text, file: path, env, prefix: 'HEADWATER_STORES' });
  const absolute = (file: string) => resolve(dirname(path), file);
  const { influx, mongo } = config;
  return {
    ...config,
    ...(influx && {
      influx: {
        ...influx,
        adminTokenFile: absolute(influx.adminTokenFile),
        hubTokenFile: absolute(influx.hubTokenFile),
        grafanaTokenFile: absolute(influx.grafanaTokenFile),
      },
    }),
    ...(mongo && {
      mongo: {
        ...mongo,
        uriFile: absolute(mongo.uriFile),
        connect: {
          ...mongo.connect,
          ...(mongo.connect.passwordFile && { passwordFile: absolute(mongo.connect.passwordFile) }),
        },
      },
    }),
  };
}

/** What differs in the stores from what Headwater needs there, in the order in which it must be applied. @throws HeadwaterError */
export async function planStores(config: StoresConfig): Promise<StoreChange[]> {
  const { influx, mongo } = config;
  return [...(influx ? await planInflux(influx) : []), ...(mongo ? await planMongo(mongo) : [])];
}
