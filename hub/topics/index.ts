import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { ALL_TOPICS, CONNECT_TOPICS, HeadwaterError, parseConfig, RIGHTS, type Topic } from '../../contract/index.ts';
import { applyPlan, type Desired, type KafkaSettings, openAdmin, planChanges } from '../../kafka/index.ts';
import { internalTopics, NO_OWN_JOBS, steps } from '../jobs/index.ts';
import { sourceTopics } from '../sources/index.ts';

/** All that a cluster must hold for Headwater: public topics, the jobs' and sources' own, and everyone's rights; `own` are the jobs added to the hub. */
export function desired(replication: number, own = NO_OWN_JOBS): Desired {
  return {
    topics: [
      ...ALL_TOPICS,
      ...Object.values(CONNECT_TOPICS),
      ...own.topics,
      ...sourceTopics(),
      ...internalTopics(own.jobs),
    ],
    rights: RIGHTS,
    replication,
    stateful: new Set(steps(own.jobs).flatMap((step) => [...step.streams, ...step.tables])),
  };
}

/** Makes a cluster as the catalogue and the jobs added to the hub want it, and `extra` topics with it. `kafka` is its administrator. @throws HeadwaterError `TOPICS_REFUSED` or `KAFKA_…` */
export async function provision(
  kafka: KafkaSettings,
  replication: number,
  extra: readonly Topic[] = [],
  own = NO_OWN_JOBS,
): Promise<void> {
  const catalogue = desired(replication, own);
  const wanted = { ...catalogue, topics: [...catalogue.topics, ...extra] };
  const admin = await openAdmin(kafka);
  try {
    await applyPlan(admin, wanted, await planChanges(admin, wanted));
  } finally {
    await admin.close();
  }
}

const file = z.string().min(1);
const AdminConfig = z.strictObject({
  kafka: z.strictObject({
    brokers: z.array(z.string()).min(1),
    caFile: file,
    username: z.string(),
    passwordFile: file,
  }),
});

/** How to reach a cluster as its administrator. @throws HeadwaterError `CONFIG_MISSING` or `CONFIG_INVALID` */
export function loadAdminConfig(path: string, env: NodeJS.ProcessEnv = process.env): KafkaSettings {
  const read = (name: string) => {
    try {
      return readFileSync(resolve(dirname(path), name), 'utf8');
    } catch (cause) {
      throw new HeadwaterError('CONFIG_MISSING', `${name} cannot be read: ${(cause as Error).message}`, { cause });
    }
  };
  const source = { text: read(resolve(path)), file: path, env, prefix: 'HEADWATER_ADMIN' };
  const { brokers, caFile, username, passwordFile } = parseConfig(AdminConfig, source).kafka;
  return { brokers, clientId: 'headwater-topics', ca: read(caFile), username, password: read(passwordFile).trim() };
}
