import { rmSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { HeadwaterError } from '../../../contract/index.ts';
import { type Authority, openAuthority } from '../pki.ts';
import { makePrivateDir, writePrivate } from '../private-files.ts';
import { endLeftover } from '../process/leftover.ts';
import { type Lock, lock } from '../process/lock.ts';
import { nodeUser, type Ports, serverProperties } from './config.ts';
import { nodePaths, readLayout, settleLayout } from './layout.ts';

const DISK_NEEDED_MB = 500;

export interface PreparedNode {
  readonly id: number;
  readonly ports: Ports;
  /** Its own certificate, by which we too are a super user on its replication listener. */
  readonly identity: ConnectionOptions;
}

export interface Prepared {
  readonly clusterId: string;
  readonly ca: string;
  readonly caPath: string;
  readonly issue: Authority['issue'];
  readonly nodes: readonly PreparedNode[];
}

/** Takes the folder of a cluster for this process. Throws, naming the holder, when another one runs on it. */
export function claim(dir: string): Lock {
  makePrivateDir(dir);
  return lock(join(dir, 'lock'), dir);
}

/** Everything a cluster needs on disk before its first process starts: ports, certificates, configuration. */
export async function prepare(
  dir: string,
  brokers: number,
  superUsers: readonly string[],
  onLog: (text: string) => void,
  advertise?: (id: number) => number,
): Promise<Prepared> {
  await requireDisk(dir);
  await endLeftovers(dir, onLog);
  const { clusterId, nodes } = await settleLayout(dir, brokers, onLog);
  const { ca, caPath, issue } = await openAuthority(join(dir, 'pki'));
  const prepared = [];
  for (const { id, ports } of nodes) {
    const { cert, key, bundlePath } = await issue({
      name: nodeUser(id),
      dns: ['localhost'],
      ips: ['127.0.0.1', '::1'],
      server: true,
      client: true,
    });
    const paths = nodePaths(dir, id);
    makePrivateDir(paths.dir);
    const advertised = advertise?.(id);
    const properties = serverProperties({ id, dataDir: paths.data, nodes, superUsers, advertised, bundlePath, caPath });
    writePrivate(paths.properties, properties);
    prepared.push({ id, ports, identity: { ca, cert, key } });
  }
  return { clusterId, ca, caPath, issue, nodes: prepared };
}

/** Deletes all of a cluster that does not run. Throws when it does. */
export async function wipe(dir: string, onLog: (text: string) => void = () => {}): Promise<void> {
  const held = claim(dir);
  try {
    await endLeftovers(resolve(dir), onLog);
    rmSync(dir, { recursive: true, force: true });
  } finally {
    held.release();
  }
}

async function endLeftovers(dir: string, onLog: (text: string) => void): Promise<void> {
  const nodes = readLayout(dir)?.nodes ?? [];
  await Promise.all(
    nodes.map(({ id }) => {
      const paths = nodePaths(dir, id);
      return endLeftover(paths.pid, paths.properties, onLog);
    }),
  );
}

async function requireDisk(dir: string): Promise<void> {
  const { bavail, bsize } = await statfs(dir);
  const freeMb = Math.floor((bavail * bsize) / 1_000_000);
  if (freeMb < DISK_NEEDED_MB) {
    throw new HeadwaterError('DISK_FULL', `${dir} has ${freeMb} MB free; Kafka needs ${DISK_NEEDED_MB} MB. Make room.`);
  }
}
