import { join } from 'node:path';
import { USERS } from '../../../contract/index.ts';
import { DUMP_GRACE_MS, ensureArchive } from './archive.ts';
import { defaultCacheDir, ensureKafkaArtifacts } from './artifacts.ts';
import { type ClusterOptions, type KafkaCluster, startCluster } from './cluster.ts';
import { findJava } from './java.ts';
import type { Runtime } from './jvm.ts';

export interface KafkaOptions extends Omit<ClusterOptions, 'users'> {
  /** Default: the users of the contract. */
  readonly users?: readonly string[];
  /** Where jars and class archive are kept, default $HEADWATER_CACHE or ~/.cache/headwater. */
  readonly cacheDir?: string;
}

/**
 * Real Apache Kafka as child processes, with TLS, SCRAM and deny-by-default ACLs. The first start downloads the jars;
 * `onLog` hears of that and of anything odd. A next start on the same `dir` goes on with its data, users and ports.
 */
export async function startKafka(options: KafkaOptions): Promise<KafkaCluster> {
  const { users = USERS, cacheDir = defaultCacheDir(), onLog = () => {} } = options;
  return startCluster(await brokerRuntime(cacheDir, onLog), { ...options, users });
}

/** What runs a broker: Java, its jars, and its class-data archive. */
export async function brokerRuntime(cacheDir: string, onProgress: (text: string) => void): Promise<Runtime> {
  const [java, { jars }] = await Promise.all([findJava(), ensureKafkaArtifacts({ cacheDir, onProgress })]);
  const run = async (runtime: Runtime, dir: string) => {
    const cluster = await startCluster(runtime, { dir: join(dir, 'kafka'), users: ['admin'] });
    await cluster.close(DUMP_GRACE_MS);
  };
  const path = await ensureArchive({ java, jars, cacheDir, title: 'Kafka', run, onProgress });
  return { java, jars, archive: { mode: 'use', path } };
}
