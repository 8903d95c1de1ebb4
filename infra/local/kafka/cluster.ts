import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HeadwaterError } from '../../../contract/index.ts';
import type { Certificate } from '../pki.ts';
import { type UserSecret, userSecrets } from '../secrets.ts';
import { type Broker, type BrokerExit, format, type KafkaNode, startBroker } from './broker.ts';
import type { Runtime } from './jvm.ts';
import { nodePaths } from './layout.ts';
import { claim, type Prepared, type PreparedNode, prepare } from './prepare.ts';
import { liveBrokers } from './readiness.ts';
import { canLogIn, setPasswords } from './users.ts';

const DEFAULT_HEAP_MB = 128;
const DEFAULT_GRACE_MS = 5_000;
const POLL_MS = 50;
const ADMIT_TIMEOUT_MS = 30_000;

export interface ClusterOptions {
  /** Everything is kept here: data, certificates, passwords, ports, logs. */
  readonly dir: string;
  readonly brokers?: 1 | 3;
  readonly users: readonly string[];
  /** Those of the users who may do everything, default `admin`. */
  readonly superUsers?: readonly string[];
  /** Of each broker, default 128. One does not live below 96. */
  readonly heapMb?: number;
  readonly onLog?: (text: string) => void;
  /** Port of 127.0.0.1 that a broker names to its clients, where they reach it by another way than its own. */
  readonly advertise?: (id: number) => number;
  /** A broker ended without having been asked to. */
  readonly onExit?: (exit: BrokerExit) => void;
}

export interface KafkaCluster {
  readonly bootstrap: readonly string[];
  readonly caPath: string;
  /** PEM. */
  readonly ca: string;
  readonly users: ReadonlyMap<string, UserSecret>;
  readonly nodes: readonly KafkaNode[];
  /** Where programs log in by a certificate instead of a password, with the same rights. */
  readonly mutualTls: {
    readonly bootstrap: readonly string[];
    /** The certificate of a user; the one on disk where there is one that lasts. */
    issue(user: string): Promise<Certificate>;
  };
  /** Gives a user another password; brokers know it within moments. */
  setPassword(username: string, password: string): Promise<void>;
  /** Stops every broker: SIGTERM, and SIGKILL after `graceMs` (default 5,000). The data stays. */
  close(graceMs?: number): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts the brokers of `dir` and gives them back when each of them serves and lets the users in. */
export async function startCluster(runtime: Runtime, options: ClusterOptions): Promise<KafkaCluster> {
  const { brokers: count = 1, superUsers = ['admin'], onLog = () => {} } = options;
  const dir = resolve(options.dir);
  const held = claim(dir);
  const brokers: Broker[] = [];
  const close = async (graceMs = DEFAULT_GRACE_MS) => {
    await Promise.all(brokers.map((broker) => broker.stop(graceMs)));
    for (const { id } of brokers) rmSync(nodePaths(dir, id).pid, { force: true });
    held.release();
  };
  try {
    const prepared = await prepare(dir, count, superUsers, onLog, options.advertise);
    const users = userSecrets(join(dir, 'secrets'), options.users);
    await Promise.all(prepared.nodes.map(({ id }) => format(dir, id, prepared.clusterId, runtime)));
    for (const node of prepared.nodes) brokers.push(await launch(dir, node, runtime, options));
    await Promise.all(
      prepared.nodes.map((node, i) => brokers[i]!.untilReady(async () => (await alive(node)).length === count)),
    );
    await admit(prepared, [...users.values()]);
    return {
      bootstrap: prepared.nodes.map(({ id, ports }) => `127.0.0.1:${options.advertise?.(id) ?? ports.client}`),
      caPath: prepared.caPath,
      ca: prepared.ca,
      users,
      nodes: brokers,
      mutualTls: {
        bootstrap: prepared.nodes.map(({ ports }) => `127.0.0.1:${ports.replication}`),
        issue: (user) => prepared.issue({ name: user, client: true }),
      },
      async setPassword(username, password) {
        const { ports, identity } = prepared.nodes[0]!;
        await setPasswords(ports.replication, identity, [{ username, password }]);
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function launch(dir: string, node: PreparedNode, runtime: Runtime, options: ClusterOptions): Promise<Broker> {
  return startBroker({
    id: node.id,
    port: node.ports.client,
    dir,
    runtime,
    heapMb: options.heapMb ?? DEFAULT_HEAP_MB,
    onExit: options.onExit ?? (() => {}),
    isServing: async () => (await alive(node)).includes(node.id),
  });
}

const alive = (node: PreparedNode) => liveBrokers(node.ports.replication, node.identity);

/**
 * Creates the users whom the cluster does not know with their password, and waits until every broker does. Kafka takes
 * all users of one request in one step, so the last of them stands for the rest.
 */
async function admit({ nodes, ca }: Prepared, users: readonly UserSecret[]): Promise<void> {
  const first = nodes[0]!;
  const known = await Promise.all(users.map((user) => canLogIn(first.ports.client, { ca }, user)));
  const missing = users.filter((_, i) => !known[i]);
  if (missing.length > 0) await setPasswords(first.ports.replication, first.identity, missing);
  const witness = missing.at(-1) ?? users.at(-1);
  if (witness === undefined) return;
  for (const { id, ports } of nodes) {
    const deadline = performance.now() + ADMIT_TIMEOUT_MS;
    while (!(await canLogIn(ports.client, { ca }, witness))) {
      if (performance.now() > deadline) {
        throw new HeadwaterError('KAFKA_USERS', `broker ${id} does not let ${witness.username} in with its password`);
      }
      await sleep(POLL_MS);
    }
  }
}
