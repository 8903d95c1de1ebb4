import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { HeadwaterError } from '../../../contract/index.ts';
import { makePrivateDir } from '../private-files.ts';
import { type Server, type ServerOptions, startServer } from '../process/server.ts';
import { findProgram } from './build.ts';
import { FERRETDB } from './recipes.ts';

export interface FerretDbOptions extends Pick<ServerOptions, 'port' | 'onLog' | 'onExit'> {
  /** Folder of its own. A next start on it goes on with its data and port. */
  readonly dir: string;
  /** Where `npm run stores` put it; default $HEADWATER_CACHE, or ~/.cache/headwater. */
  readonly cacheDir?: string;
}

/** FerretDB 1.24 on SQLite, without accounts: whoever reaches the port may do everything, as on the live page. */
export interface FerretDb extends Server {
  /** `mongodb://127.0.0.1:…/` */
  readonly uri: string;
}

/** Whether `npm run stores` has been here. */
export const hasFerretDb = (cacheDir?: string): boolean => findProgram(FERRETDB, cacheDir) !== undefined;

/** @throws HeadwaterError `STORE_NOT_PREPARED`, `ALREADY_RUNNING`, `SERVER_NOT_STARTED` */
export async function startFerretDb(options: FerretDbOptions): Promise<FerretDb> {
  const command = findProgram(FERRETDB, options.cacheDir);
  if (command === undefined) {
    throw new HeadwaterError('STORE_NOT_PREPARED', 'FerretDB is not on this machine yet: run `npm run stores` once');
  }
  const dir = resolve(options.dir);
  const data = join(dir, 'data');
  makePrivateDir(dir);
  makePrivateDir(data);
  const server = await startServer({
    title: 'FerretDB',
    name: 'ferretdb',
    dir,
    port: options.port,
    command: (port) => ({ command, args: ['--listen', `127.0.0.1:${port}`, '--data', data] }),
    isServing: answers,
    onLog: options.onLog,
    onExit: options.onExit,
  });
  return Object.defineProperties(server, {
    uri: { value: `mongodb://127.0.0.1:${server.port}/`, enumerable: true },
  }) as FerretDb;
}

/** It listens only once it can serve. */
const answers = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => done(true)).once('error', () => done(false));
    socket.once('connect', () => socket.destroy());
  });
