import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DUMP_GRACE_MS, ensureArchive } from '../kafka/archive.ts';
import { ensureKafkaArtifacts } from '../kafka/artifacts.ts';
import { type KafkaCluster, startCluster } from '../kafka/cluster.ts';
import { findJava } from '../kafka/java.ts';
import type { Runtime } from '../kafka/jvm.ts';
import { brokerRuntime } from '../kafka/start.ts';
import { makePrivateDir, writePrivate } from '../private-files.ts';
import { hasFerretDb, startFerretDb } from '../stores/ferretdb.ts';
import { type Connect, startWorker } from './connect.ts';
import { declarationJar } from './declaration.ts';

const TRAINED_WITHIN_MS = 60_000;
const A_FEW_RECORDS_MS = 2_000;

/** What runs a worker: Java, its jars, and its class-data archive. */
export async function connectRuntime(cacheDir: string, onProgress: (text: string) => void): Promise<Runtime> {
  const [java, artifacts] = await Promise.all([
    findJava(),
    ensureKafkaArtifacts({ set: 'connect', cacheDir, onProgress }),
  ]);
  const declaration = `${artifacts.dir}.services.jar`;
  if (!existsSync(declaration)) writePrivate(declaration, declarationJar());
  const jars = [...artifacts.jars, declaration];
  const run = async (runtime: Runtime, dir: string) => {
    const cluster = await startCluster(await brokerRuntime(cacheDir, onProgress), {
      dir: join(dir, 'kafka'),
      users: ['admin'],
    });
    try {
      await train(runtime, dir, cluster, cacheDir);
    } finally {
      await cluster.close(0);
    }
  };
  const path = await ensureArchive({ java, jars, cacheDir, title: 'Kafka Connect', run, onProgress });
  return { java, jars, archive: { mode: 'use', path } };
}

/** One life of a worker with a sink at work, so that what it needs is loaded; without a database at hand, up to where it looks for one. */
async function train(runtime: Runtime, dir: string, cluster: KafkaCluster, cacheDir: string): Promise<void> {
  const secretsDir = join(dir, 'secrets');
  makePrivateDir(secretsDir);
  const { bootstrap, caPath, users } = cluster;
  const kafka = { bootstrap, caPath, user: users.get('admin')! };
  const ferret = hasFerretDb(cacheDir) ? await startFerretDb({ dir: join(dir, 'ferretdb'), cacheDir }) : undefined;
  let connect: Connect | undefined;
  const config = {
    name: 'training',
    'connector.class': 'com.mongodb.kafka.connect.MongoSinkConnector',
    // It has records: the states of its own connectors.
    topics: 'connect.status',
    'connection.uri': `${ferret?.uri ?? 'mongodb://127.0.0.1:1/'}?serverSelectionTimeoutMS=1000`,
    database: 'training',
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter.schema.content':
      '{"type":"struct","fields":[{"field":"state","type":"string"},{"field":"ts","type":"int64","optional":true,"name":"org.apache.kafka.connect.data.Timestamp"}]}',
    'errors.tolerance': 'all',
    'errors.deadletterqueue.topic.name': 'training',
    'errors.deadletterqueue.topic.replication.factor': '1',
  };
  try {
    connect = await startWorker(runtime, { dir: join(dir, 'connect'), kafka, replication: 1, secretsDir });
    const answer = await fetch(`${connect.url}/connectors/training/config`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(config),
    });
    await answer.body?.cancel();
    if (!answer.ok) return;
    for (let waited = 0; waited < TRAINED_WITHIN_MS; waited += 250) {
      const status = await (await fetch(`${connect.url}/connectors/training/status`)).text();
      if (/"tasks":\[.*RUNNING/.test(status)) break;
      await sleep(250);
    }
    await sleep(A_FEW_RECORDS_MS);
  } finally {
    await connect?.close(DUMP_GRACE_MS);
    await ferret?.close(0);
  }
}
