import { join, resolve } from 'node:path';
import { defaultCacheDir } from '../kafka/artifacts.ts';
import { jvm, type Runtime } from '../kafka/jvm.ts';
import { writePrivate } from '../private-files.ts';
import { type Server, type ServerOptions, startServer } from '../process/server.ts';
import { workerProperties } from './properties.ts';
import { connectRuntime } from './runtime.ts';

export interface ConnectOptions extends Pick<ServerOptions, 'port' | 'onLog' | 'onExit'> {
  /** Folder of its own: properties, port and log. What it does is kept in Kafka. */
  readonly dir: string;
  readonly kafka: {
    readonly bootstrap: readonly string[];
    readonly caPath: string;
    readonly user: { readonly username: string; readonly passwordFile: string };
  };
  /** Replicas of its own topics, where it has to make them. */
  readonly replication: number;
  /** Folder of the files that connectors may take secrets from; the folder of passwords is not it. */
  readonly secretsDir: string;
  /** Default 128. */
  readonly heapMb?: number;
  /** Where jars and class archive are kept, default $HEADWATER_CACHE or ~/.cache/headwater. */
  readonly cacheDir?: string;
}

/** A Kafka Connect worker in distributed mode, with MongoDB's sink. Its REST interface has no accounts and listens on loopback alone. */
export interface Connect extends Server {
  /** Of the REST interface, `http://127.0.0.1:…` */
  readonly url: string;
}

const HEAP_MB = 128;

/**
 * Starts a worker and gives it back when it has joined its group. The first start downloads its jars.
 * @throws HeadwaterError `ALREADY_RUNNING`, `SERVER_NOT_STARTED`, and what `startKafka` throws of Java and Maven
 */
export async function startConnect(options: ConnectOptions): Promise<Connect> {
  const { cacheDir = defaultCacheDir(), onLog = () => {} } = options;
  return startWorker(await connectRuntime(cacheDir, onLog), options);
}

/** The same with a runtime at hand. */
export async function startWorker(runtime: Runtime, options: ConnectOptions): Promise<Connect> {
  const dir = resolve(options.dir);
  const { bootstrap, caPath, user } = options.kafka;
  const { replication, secretsDir, heapMb = HEAP_MB } = options;
  const file = join(dir, 'worker.properties');
  const server = await startServer({
    title: 'Kafka Connect',
    name: 'connect',
    dir,
    port: options.port,
    command: (port) => {
      const config = { brokers: bootstrap, caPath, ...user, port, replication, secretsDir: resolve(secretsDir) };
      writePrivate(file, workerProperties(config));
      return jvm(runtime, 'org.apache.kafka.connect.cli.ConnectDistributed', [file], heapMb);
    },
    isServing: isHealthy,
    onLog: options.onLog,
    onExit: options.onExit,
  });
  return Object.defineProperties(server, {
    url: { value: `http://127.0.0.1:${server.port}`, enumerable: true },
  }) as Connect;
}

async function isHealthy(port: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(5_000) });
  await answer.body?.cancel();
  return answer.status === 200;
}
