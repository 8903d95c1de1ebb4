import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KafkaCluster } from './cluster.ts';
import { type KafkaOptions, startKafka } from './start.ts';

/** A cluster for one test file, in a folder of its own that goes with it. */
export async function startTestKafka(options: Omit<KafkaOptions, 'dir'> = {}): Promise<KafkaCluster> {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-kafka-'));
  const wipe = () => rmSync(dir, { recursive: true, force: true });
  const cluster = await startKafka({ ...options, dir }).catch((error) => {
    wipe();
    throw error;
  });
  const close = async () => {
    // Nobody will read this data again, so nothing is gained by a tidy end.
    await cluster.close(0);
    wipe();
  };
  return { ...cluster, close, [Symbol.asyncDispose]: close };
}
