import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { HeadwaterError } from '../../../contract/index.ts';
import { readIfThere, writePrivate } from '../private-files.ts';
import { freePorts, holderOf, isFree } from '../process/ports.ts';
import type { Ports } from './config.ts';

/** What a cluster keeps from one start to the next, in `dir/cluster.json`. */
export interface Layout {
  readonly clusterId: string;
  readonly nodes: readonly { readonly id: number; readonly ports: Ports }[];
}

/** Where the files of one node lie. */
export const nodePaths = (dir: string, id: number) => ({
  dir: join(dir, `node-${id}`),
  data: join(dir, `node-${id}`, 'data'),
  properties: join(dir, `node-${id}`, 'server.properties'),
  log: join(dir, `node-${id}`, 'broker.log'),
  pid: join(dir, `node-${id}.pid`),
});

export function readLayout(dir: string): Layout | undefined {
  const path = join(dir, 'cluster.json');
  const text = readIfThere(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Layout;
  } catch (cause) {
    throw new HeadwaterError('KAFKA_LAYOUT', `${path} cannot be read. Start with --fresh, or restore the file.`, {
      cause,
    });
  }
}

/**
 * The layout of the last start, or a new one. A port that someone else has taken meanwhile is replaced and `onLog` told,
 * since all that depends on it is written anew at each start. Throws when the data was made by another number of brokers.
 */
export async function settleLayout(dir: string, brokers: number, onLog: (text: string) => void): Promise<Layout> {
  const last = readLayout(dir);
  if (last && last.nodes.length !== brokers) {
    throw new HeadwaterError(
      'KAFKA_LAYOUT',
      `the data in ${dir} belongs to ${last.nodes.length} broker(s), not ${brokers}. Start with --brokers ${last.nodes.length}, or with --fresh to begin with empty data.`,
    );
  }
  const layout = last ? await replaceTaken(last, onLog) : await newLayout(brokers);
  writePrivate(join(dir, 'cluster.json'), `${JSON.stringify(layout, null, 2)}\n`);
  return layout;
}

async function newLayout(brokers: number): Promise<Layout> {
  const ports = await freePorts(brokers * 3);
  const nodes = Array.from({ length: brokers }, (_, i) => {
    const [client, replication, controller] = ports.slice(i * 3) as [number, number, number];
    return { id: i + 1, ports: { client, replication, controller } };
  });
  return { clusterId: newClusterId(), nodes };
}

async function replaceTaken(layout: Layout, onLog: (text: string) => void): Promise<Layout> {
  const known = layout.nodes.flatMap(({ ports }) => Object.values(ports));
  const settle = async (id: number, port: number): Promise<number> => {
    if (await isFree(port)) return port;
    const [other] = (await freePorts(1, known)) as [number];
    known.push(other);
    onLog(`port ${port} of broker ${id} is taken by ${holderOf(port)}; using ${other} from now on`);
    return other;
  };
  const nodes = [];
  for (const { id, ports } of layout.nodes) {
    const client = await settle(id, ports.client);
    const replication = await settle(id, ports.replication);
    nodes.push({ id, ports: { client, replication, controller: await settle(id, ports.controller) } });
  }
  return { ...layout, nodes };
}

/** Sixteen random bytes as Kafka writes them; a leading dash would look like an option to its tools. */
function newClusterId(): string {
  const id = randomBytes(16).toString('base64url');
  return id.startsWith('-') ? newClusterId() : id;
}
