import { readFileSync } from 'node:fs';
import { type Db, MongoClient } from 'mongodb';
import { HeadwaterError } from '../../../contract/index.ts';

export interface Database {
  readonly db: Db;
  /** Speaks MongoDB's protocol and lacks some of what it can. */
  readonly isFerretDb: boolean;
}

const LOOK_FOR_MS = 10_000;

/** Does something with a database, on a connection of its own. @throws HeadwaterError `CONFIG_INVALID` or `MONGO_FAILED` (`retryable`) */
export async function withDatabase<T>(uri: string, name: string, work: (database: Database) => Promise<T>): Promise<T> {
  const client = open(uri);
  try {
    const db = client.db(name);
    return await work({ db, isFerretDb: 'ferretdbVersion' in (await db.command({ buildInfo: 1 })) });
  } catch (cause) {
    throw new HeadwaterError('MONGO_FAILED', `MongoDB: ${(cause as Error).message}`, { cause, retryable: true });
  } finally {
    await client.close();
  }
}

function open(uri: string): MongoClient {
  try {
    return new MongoClient(uri, { serverSelectionTimeoutMS: LOOK_FOR_MS, appName: 'headwater stores' });
  } catch (cause) {
    // The driver quotes what it does not understand, and a password may be in it.
    throw new HeadwaterError('CONFIG_INVALID', 'the address of MongoDB is no mongodb://… or mongodb+srv://…', {
      cause,
    });
  }
}

/**
 * The value of `uri` in a file of Java properties, as Connect's FileConfigProvider reads it.
 * @throws HeadwaterError `CONFIG_MISSING` or `CONFIG_INVALID`
 */
export function readUri(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new HeadwaterError('CONFIG_MISSING', `the address of MongoDB cannot be read: ${(cause as Error).message}`, {
      cause,
    });
  }
  const value = /^[ \t]*uri[ \t]*[=:][ \t]*(.+?)[ \t]*$/m.exec(text)?.[1];
  if (value === undefined) throw new HeadwaterError('CONFIG_INVALID', `${file} has no line uri=mongodb://…`);
  return value.replace(/\\(.)/g, '$1');
}

/** What such a file holds. */
export const uriFileContent = (uri: string) => `uri=${uri.replaceAll('\\', '\\\\')}\n`;
