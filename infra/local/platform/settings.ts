import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { KafkaCluster } from '../kafka/cluster.ts';
import { writePrivate } from '../private-files.ts';
import { freePorts, isFree } from '../process/ports.ts';
import { userSecrets } from '../secrets.ts';

/** Where the page is looked for first. */
const PAGE_PORT = 8800;

export interface Ports {
  readonly mqtt: number;
  readonly gateway: number;
  readonly page: number;
}

/** The same ports at every start where they are still free; others, with a word about it, where not. */
export async function settlePorts(
  dir: string,
  page: number | undefined,
  onLog: (text: string) => void,
): Promise<Ports> {
  const file = join(dir, 'ports.json');
  const kept: Partial<Ports> = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  const spare = await freePorts(3);
  const settle = async (what: string, wanted: number | undefined, i: number) => {
    if (!wanted) return spare[i]!;
    if (await isFree(wanted)) return wanted;
    onLog(`port ${wanted} of the ${what} is taken; it listens on ${spare[i]} instead`);
    return spare[i]!;
  };
  const ports = {
    mqtt: await settle('MQTT broker', kept.mqtt, 0),
    gateway: await settle('gateway', kept.gateway, 1),
    page: await settle('live page', page ?? kept.page ?? PAGE_PORT, 2),
  };
  writePrivate(file, `${JSON.stringify(ports)}\n`);
  return ports;
}

export interface SerialLine {
  readonly device: string;
  readonly path: string;
}

export interface Files {
  readonly admin: string;
  readonly gateway: string;
  readonly hub: string;
}

/** The account with which the simulated devices log in at the gateway's broker. */
export function deviceAccount(dir: string) {
  return userSecrets(join(dir, 'secrets'), ['devices']).get('devices')!;
}

/** Writes the programs' configuration files, as an operator would. */
export function writeSettings(
  dir: string,
  kafka: KafkaCluster,
  ports: Ports,
  lines: readonly SerialLine[],
  jobs: readonly string[] = [],
  stores: Readonly<Record<string, unknown>> = {},
): Files {
  const { username, passwordFile } = deviceAccount(dir);
  const cluster = { brokers: [...kafka.bootstrap], caFile: kafka.caPath };
  const password = (user: string) => kafka.users.get(user)!.passwordFile;
  const write = (name: string, settings: unknown) => {
    const file = join(dir, `${name}.yaml`);
    writePrivate(file, stringify(settings));
    return file;
  };
  const simulated = (name: string) => join(dir, 'simulated', name);
  return {
    admin: write('admin', { kafka: { ...cluster, username: 'admin', passwordFile: password('admin') } }),
    gateway: write('gateway', {
      gateway: { id: 'gw-1', site: 'home' },
      buffer: { dir: join(dir, 'gateway') },
      kafka: { ...cluster, username: 'gateway', passwordFile: password('gateway') },
      http: { port: ports.gateway },
      // Everything is on one machine, whose clock there is nothing to compare with.
      clock: { trust: 'always' },
      inputs: {
        // One login for all the simulated devices.
        mqtt: { port: ports.mqtt, accounts: [{ username, passwordFile, publish: ['devices/#'] }] },
        serial: lines.map(({ path }) => ({ path, baudRate: 115_200, framing: 'cobs' })),
        host: { every: '5s' },
      },
    }),
    hub: write('hub', {
      hub: { id: 'hub-1', dataDir: join(dir, 'hub') },
      kafka: {
        ...cluster,
        passwordFiles: {
          hub: password('hub'),
          sources: password('sources'),
          page: password('page'),
          ...('influx' in stores && { stores: password('stores') }),
        },
      },
      page: { port: ports.page },
      stores,
      jobs: [...jobs],
      sources: {
        web: [{ name: 'shop', file: simulated('access.log') }],
        transactions: [{ name: 'bank', file: simulated('transactions.jsonl') }],
        weather: [{ name: 'weather', file: simulated('weather.jsonl') }],
        accounts: { file: simulated('accounts.json') },
        places: { file: simulated('places.json') },
        devices: { file: simulated('devices.json') },
      },
    }),
  };
}
