import { join, resolve } from 'node:path';
import { HeadwaterError } from '../../../contract/index.ts';
import { makePrivateDir } from '../private-files.ts';
import { type Server, type ServerOptions, startServer } from '../process/server.ts';
import { userSecrets } from '../secrets.ts';
import { findProgram } from './build.ts';
import { INFLUXD } from './recipes.ts';

export interface InfluxDbOptions extends Pick<ServerOptions, 'port' | 'onLog' | 'onExit'> {
  /** Folder of its own: data, port, password and token, log. A next start on it goes on with all of them. */
  readonly dir: string;
  /** Where `npm run stores` put it; default $HEADWATER_CACHE, or ~/.cache/headwater. */
  readonly cacheDir?: string;
  /** Further arguments of influxd. */
  readonly args?: readonly string[];
}

/** A real InfluxDB 2.7, set up with one organisation and one all-powerful token. */
export interface InfluxDb extends Server {
  /** `http://127.0.0.1:…` */
  readonly url: string;
  readonly org: string;
  /** The operator's, who may do everything. */
  readonly token: string;
  /** Mode 0600, as `passwordFile`. */
  readonly tokenFile: string;
  readonly username: string;
  readonly passwordFile: string;
}

const ORG = 'headwater';
const USER = 'headwater';
/** Setting up asks for a bucket; the others are made by `headwater stores apply`. */
const FIRST_BUCKET = 'results';

/** Whether `npm run stores` has been here. */
export const hasInfluxDb = (cacheDir?: string): boolean => findProgram(INFLUXD, cacheDir) !== undefined;

/** @throws HeadwaterError `STORE_NOT_PREPARED`, `ALREADY_RUNNING`, `SERVER_NOT_STARTED`, `INFLUX_SETUP` */
export async function startInfluxDb(options: InfluxDbOptions): Promise<InfluxDb> {
  const dir = resolve(options.dir);
  const program = findProgram(INFLUXD, options.cacheDir);
  if (program === undefined) {
    throw new HeadwaterError('STORE_NOT_PREPARED', 'InfluxDB is not on this machine yet: run `npm run stores` once');
  }
  makePrivateDir(dir);
  const secrets = userSecrets(join(dir, 'secrets'), [USER, 'token']);
  const { password, passwordFile } = secrets.get(USER)!;
  const { password: token, passwordFile: tokenFile } = secrets.get('token')!;
  const paths = ['--bolt-path', join(dir, 'influxd.bolt'), '--sqlite-path', join(dir, 'influxd.sqlite')];
  const server = await startServer({
    title: 'InfluxDB',
    name: 'influxd',
    dir,
    port: options.port,
    command(port) {
      const where = ['--engine-path', join(dir, 'engine'), '--http-bind-address', `127.0.0.1:${port}`];
      return { command: program, args: [...paths, ...where, '--reporting-disabled', ...(options.args ?? [])] };
    },
    isServing: isHealthy,
    onLog: options.onLog,
    onExit: options.onExit,
  });
  const url = `http://127.0.0.1:${server.port}`;
  try {
    await setUp(url, { username: USER, password, org: ORG, bucket: FIRST_BUCKET, retentionPeriodSeconds: 0, token });
  } catch (error) {
    await server.close();
    throw error;
  }
  const more = { url, org: ORG, token, tokenFile, username: USER, passwordFile };
  const properties = Object.entries(more).map(([name, value]) => [name, { value, enumerable: true }]);
  return Object.defineProperties(server, Object.fromEntries(properties)) as InfluxDb;
}

async function isHealthy(port: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(5_000) });
  await answer.body?.cancel();
  return answer.status === 200;
}

/** Once for each folder: later starts find it set up. @throws HeadwaterError `INFLUX_SETUP` */
async function setUp(url: string, request: { token: string } & Record<string, string | number>): Promise<void> {
  const { allowed } = (await (await fetch(`${url}/api/v2/setup`)).json()) as { allowed: boolean };
  if (allowed) {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${url}/api/v2/setup`, { method: 'POST', headers, body: JSON.stringify(request) });
    if (answer.status !== 201)
      throw new HeadwaterError('INFLUX_SETUP', `InfluxDB refused its setup: ${await answer.text()}`);
  }
  const me = await fetch(`${url}/api/v2/me`, { headers: { authorization: `Token ${request.token}` } });
  await me.body?.cancel();
  if (me.status !== 200) {
    throw new HeadwaterError(
      'INFLUX_SETUP',
      'InfluxDB’s data folder was set up with another token than the one in its secrets',
    );
  }
}
