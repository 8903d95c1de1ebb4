import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { startConnect } from '../connect/connect.ts';
import type { KafkaCluster } from '../kafka/cluster.ts';
import { makePrivateDir, writePrivate } from '../private-files.ts';
import { howItEnded, type ProcessExit } from '../process/process.ts';
import { type Server, settlePort } from '../process/server.ts';
import { startFerretDb } from '../stores/ferretdb.ts';
import { startInfluxDb } from '../stores/influxdb.ts';

export interface StoresOptions {
  /** `start`: one of its own. Absent: no InfluxDB. */
  readonly influx?: 'start' | { readonly url: string; readonly org: string; readonly adminTokenFile: string };
  /** `start`: a FerretDB of its own. Absent: neither MongoDB nor Kafka Connect. */
  readonly mongo?: 'start' | { readonly uri: string };
  /** Makes one of the stores that a configuration file names as Headwater needs it. */
  readonly apply: (file: string, store: 'influx' | 'mongo') => Promise<void>;
}

export interface Stores {
  /** `stores` of the hub's configuration. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Starts what needs Kafka, and goes on until everything is as it should be. What fails is told and tried again. */
  complete(kafka: KafkaCluster, brokers: number): void;
  /** Of the servers, by name. */
  pids(): Record<string, number>;
  peakRss(): Record<string, number>;
  close(graceMs: number): Promise<void>;
}

type Running = Pick<Server, 'pid' | 'start' | 'peakRss' | 'close'>;

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/** Databases for a platform in `dir`: those that it has of its own are started here, and again whenever they end. */
export async function startStores(
  dir: string,
  options: StoresOptions,
  onProgress: (text: string) => void,
): Promise<Stores> {
  const servers = new Map<string, Running>();
  const stop = new AbortController();
  const busy = new Set<Promise<void>>();
  const secretsDir = join(dir, 'connect-secrets');
  // Where `headwater stores` looks for it.
  const storesFile = `${dir}.yaml`;
  makePrivateDir(dir);

  const keep = <S extends Running>(name: string, start: (onExit: (exit: ProcessExit) => void) => Promise<S>) => {
    const again = async (exit: ProcessExit) => {
      onProgress(`${name} ended (${howItEnded(exit)}) and is started again`);
      await persist(`${name} could not be started again`, () => servers.get(name)!.start());
    };
    const started = start((exit) => hold(again(exit))).then((server) => {
      servers.set(name, server);
      return server;
    });
    // Where another one fails meanwhile, this one is waited for and closed.
    hold(
      started.then(
        () => {},
        () => {},
      ),
    );
    return started;
  };
  const hold = (work: Promise<void>) => {
    const held = work.finally(() => busy.delete(held));
    busy.add(held);
  };
  /** Tries until it succeeds or everything is stopped. */
  const persist = async (failed: string, work: () => Promise<unknown>) => {
    for (let pause = FIRST_PAUSE_MS; !stop.signal.aborted; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      try {
        await work();
        return;
      } catch (error) {
        if (stop.signal.aborted) return;
        onProgress(`${failed}: ${(error as Error).message}`);
      }
      await sleep(pause, undefined, { signal: stop.signal }).catch(() => {});
    }
  };
  const closed = new Set<Running>();
  const stillOpen = () => {
    const open = [...servers.values()].filter((server) => !closed.has(server));
    for (const server of open) closed.add(server);
    return open;
  };
  const close = async (graceMs: number) => {
    stop.abort();
    await Promise.all(stillOpen().map((server) => server.close(graceMs)));
    await Promise.allSettled(busy);
    // Whatever came up meanwhile.
    await Promise.all(stillOpen().map((server) => server.close(graceMs)));
  };

  try {
    const [influx, uri] = await Promise.all([
      options.influx === 'start'
        ? keep('influxdb', (onExit) => startInfluxDb({ dir: join(dir, 'influxdb'), onLog: onProgress, onExit })).then(
            ({ url, org, tokenFile }) => ({ url, org, adminTokenFile: tokenFile }),
          )
        : options.influx,
      options.mongo === 'start'
        ? keep('ferretdb', (onExit) => startFerretDb({ dir: join(dir, 'ferretdb'), onLog: onProgress, onExit })).then(
            // What hangs is given up and tried again.
            (ferret) => `${ferret.uri}?socketTimeoutMS=60000`,
          )
        : options.mongo?.uri,
    ]);
    const connectDir = join(dir, 'connect');
    const connect = uri && { dir: connectDir, port: await connectPort(connectDir) };
    const uriFile = join(secretsDir, 'mongo.properties');
    const hubTokenFile = join(dir, 'influx-hub.token');
    if (uri) {
      makePrivateDir(secretsDir);
      writePrivate(uriFile, `uri=${uri.replaceAll('\\', '\\\\')}\n`);
    }
    const url = connect && `http://127.0.0.1:${connect.port}`;
    const describe = (replication: number) =>
      writePrivate(
        storesFile,
        stringify({
          ...(influx && {
            influx: { ...influx, hubTokenFile, grafanaTokenFile: join(dir, 'influx-grafana.token') },
          }),
          ...(connect && { mongo: { uriFile, connect: { url, replication } } }),
        }),
      );
    return {
      settings: {
        ...(influx && { influx: { url: influx.url, org: influx.org, tokenFile: hubTokenFile } }),
        ...(connect && { connect: { url } }),
      },
      complete(kafka, brokers) {
        describe(Math.min(3, brokers));
        if (influx) {
          hold(persist('InfluxDB is not set up yet', () => options.apply(storesFile, 'influx')));
        }
        if (!connect) return;
        const startWorker = async () => {
          const { bootstrap, caPath, users } = kafka;
          await keep('connect', (onExit) =>
            startConnect({
              ...connect,
              kafka: { bootstrap, caPath, user: users.get('connect')! },
              replication: Math.min(3, brokers),
              secretsDir,
              onLog: onProgress,
              onExit,
            }),
          );
        };
        hold(
          (async () => {
            await persist('Kafka Connect did not start', startWorker);
            await persist('the connectors are not there yet', () => options.apply(storesFile, 'mongo'));
            if (!stop.signal.aborted) onProgress('the stores are ready');
          })(),
        );
      },
      pids: () => Object.fromEntries([...servers].map(([name, server]) => [name, server.pid])),
      peakRss: () => Object.fromEntries([...servers].map(([name, server]) => [name, Math.round(server.peakRss())])),
      close,
    };
  } catch (error) {
    await close(0);
    throw error;
  }
}

/** Known before the worker starts: the hub is told of it earlier. */
async function connectPort(dir: string): Promise<number> {
  makePrivateDir(dir);
  return settlePort(join(dir, 'port'), undefined);
}
