import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { HeadwaterError } from '../contract/index.ts';
import type { StoresOptions } from '../infra/local/index.ts';

export interface StoreFlags {
  readonly stores?: boolean;
  readonly influx?: string;
  readonly influxTokenFile?: string;
  readonly mongo?: string;
  readonly mongoUriFile?: string;
}

type Chosen = Pick<StoresOptions, 'influx' | 'mongo'>;

/**
 * Which databases are wanted, and how the existing ones are reached. A secret comes from a file or the environment: others on the machine can read a command line.
 * @throws HeadwaterError `USAGE`
 */
export function existingStores(flags: StoreFlags, env: NodeJS.ProcessEnv): Chosen {
  const influx = influxOf(flags) ?? (flags.stores ? 'start' : undefined);
  const mongo = mongoOf(flags, env) ?? (flags.stores ? 'start' : undefined);
  return { ...(influx && { influx }), ...(mongo && { mongo }) };
}

function influxOf({ influx, influxTokenFile }: StoreFlags): Chosen['influx'] {
  if (influx === undefined) {
    if (influxTokenFile === undefined) return undefined;
    throw new HeadwaterError('USAGE', '--influx-token-file needs --influx, the address of the InfluxDB it is for');
  }
  // `localhost:8086` is an address too, whose protocol is localhost.
  if (!/^https?:\/\//.test(influx) || !URL.canParse(influx))
    throw new HeadwaterError('USAGE', `--influx ${influx} is no address such as http://host:8086`);
  if (influxTokenFile === undefined) {
    throw new HeadwaterError('USAGE', '--influx needs --influx-token-file, a file with an administrator’s token');
  }
  read(influxTokenFile);
  return { url: influx, org: 'headwater', adminTokenFile: resolve(influxTokenFile) };
}

function mongoOf({ mongo, mongoUriFile }: StoreFlags, env: NodeJS.ProcessEnv): Chosen['mongo'] {
  if (mongoUriFile !== undefined) {
    if (mongo !== undefined) throw new HeadwaterError('USAGE', 'give --mongo or --mongo-uri-file, not both');
    const uri = /^\s*uri\s*=\s*(\S+)\s*$/m.exec(read(mongoUriFile))?.[1];
    if (uri === undefined) throw new HeadwaterError('USAGE', `${mongoUriFile} has no line uri=mongodb://…`);
    return { uri };
  }
  const uri = mongo ?? env.HEADWATER_MONGO_URI;
  if (uri === undefined || uri === '') return undefined;
  if (!/^mongodb(\+srv)?:\/\//.test(uri))
    throw new HeadwaterError('USAGE', '--mongo must begin with mongodb:// or mongodb+srv://');
  if (mongo !== undefined && /^[^/]*\/\/[^/@]*:[^/@]*@/.test(mongo)) {
    throw new HeadwaterError(
      'USAGE',
      'a password on the command line can be read by others: use --mongo-uri-file or HEADWATER_MONGO_URI',
    );
  }
  return { uri };
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new HeadwaterError('USAGE', `${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
