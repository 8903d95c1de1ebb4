import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { z } from 'zod';
import { duration, HeadwaterError, name, parseConfig } from '../../contract/index.ts';
import type { KafkaSettings } from '../../kafka/index.ts';
import { AlertsConfig, PLAIN_FILES, SECRET_FILES } from '../alerts/index.ts';
import { ConnectConfig, InfluxConfig } from '../sinks/index.ts';
import { SourcesConfig } from '../sources/index.ts';

const file = z.string().min(1);
/** Each part of the hub connects as a user with only the rights it needs. */
export type HubUser = 'hub' | 'sources' | 'page';

export const HubConfig = z.strictObject({
  hub: z.strictObject({
    id: name.describe('Unique among the hubs of a platform.'),
    dataDir: file.describe('Folder of the embedded store.'),
  }),
  kafka: z.strictObject({
    brokers: z.array(z.string().regex(/^.+:\d+$/, 'must be host:port')).min(1),
    caFile: file.describe('PEM file of the authority that signed the brokers’ certificates.'),
    passwordFiles: z
      .strictObject({ hub: file, sources: file, page: file, stores: file.optional() })
      .describe(
        'Files that hold the passwords of the users hub, sources and page; of stores where results are stored in InfluxDB.',
      ),
  }),
  sources: SourcesConfig.prefault({}),
  jobs: z.array(file).default([]).describe('TypeScript files whose jobs run besides those that come with the hub.'),
  stores: z
    .strictObject({
      influx: InfluxConfig.optional().describe('Absent: nothing is stored in InfluxDB.'),
      connect: ConnectConfig.optional().describe(
        'The Kafka Connect that fills MongoDB. Absent: nobody looks after one.',
      ),
    })
    .prefault({})
    .describe('Databases that readings and results are stored in.'),
  alerts: AlertsConfig.prefault({}),
  health: z
    .strictObject({
      askBrokers: duration
        .pipe(z.number().min(5_000, 'must be at least 5s, as often as the hub tells of itself'))
        .default(30_000)
        .describe('How often the brokers are asked how they are, over new connections.'),
    })
    .prefault({}),
  page: z
    .strictObject({
      host: z
        .string()
        .default('127.0.0.1')
        .describe('Loopback unless told otherwise: whoever reaches the page sees everything on it.'),
      port: z.int().min(0).max(65_535).default(8800),
      hosts: z.array(z.string()).default([]).describe('Names besides localhost under which the page may be asked for.'),
      proxyAsksForLogin: z
        .boolean()
        .default(false)
        .describe('Whether a proxy on this machine may pass on changes, such as silences: it must ask for a login.'),
    })
    .prefault({}),
});
export type HubConfig = z.output<typeof HubConfig>;

const Checked = HubConfig.refine(({ stores, kafka }) => !stores.influx || kafka.passwordFiles.stores !== undefined, {
  path: ['kafka', 'passwordFiles', 'stores'],
  error: 'is missing; stores.influx needs the password of the user stores',
});

/** @throws HeadwaterError `CONFIG_MISSING` or `CONFIG_INVALID`, the latter with every problem by its path */
export function loadHubConfig(path: string, env: NodeJS.ProcessEnv = process.env): HubConfig {
  const config = parseConfig(Checked, {
    text: read(path, 'the hub’s configuration'),
    file: path,
    env,
    prefix: 'HEADWATER_HUB',
  });
  const base = dirname(path);
  const absolute = (p: string) => (isAbsolute(p) ? p : resolve(base, p));
  mkdirSync(absolute(config.hub.dataDir), { recursive: true, mode: 0o700 });
  const { passwordFiles } = config.kafka;
  const { influx, connect } = config.stores;
  return {
    ...config,
    hub: { ...config.hub, dataDir: absolute(config.hub.dataDir) },
    jobs: config.jobs.map(absolute),
    alerts: {
      ...config.alerts,
      channels: config.alerts.channels.map((channel) => {
        const files = [...SECRET_FILES, ...PLAIN_FILES].flatMap((name) => {
          const file = (channel as { [N in typeof name]?: string })[name];
          return file === undefined ? [] : [[name, absolute(file)]];
        });
        return { ...channel, ...Object.fromEntries(files) };
      }),
    },
    kafka: {
      ...config.kafka,
      caFile: absolute(config.kafka.caFile),
      passwordFiles: {
        hub: absolute(passwordFiles.hub),
        sources: absolute(passwordFiles.sources),
        page: absolute(passwordFiles.page),
        ...(passwordFiles.stores !== undefined && { stores: absolute(passwordFiles.stores) }),
      },
    },
    stores: {
      ...config.stores,
      ...(influx && { influx: { ...influx, tokenFile: absolute(influx.tokenFile) } }),
      ...(connect?.passwordFile && { connect: { ...connect, passwordFile: absolute(connect.passwordFile) } }),
    },
  };
}

/** How each part of the hub reaches Kafka; `stores` where results are stored. @throws HeadwaterError `CONFIG_MISSING` */
export function kafkaOf(config: HubConfig): Record<HubUser, KafkaSettings> & { stores?: KafkaSettings } {
  const { brokers, caFile, passwordFiles } = config.kafka;
  const ca = read(caFile, 'the file kafka.caFile');
  const settings = (
    username: keyof typeof passwordFiles,
    passwordFile = passwordFiles[username] as string,
  ): KafkaSettings => ({
    brokers,
    clientId: `${config.hub.id}-${username}`,
    ca,
    username,
    password: read(passwordFile, `the file kafka.passwordFiles.${username}`).trim(),
  });
  return {
    hub: settings('hub'),
    sources: settings('sources'),
    page: settings('page'),
    ...(passwordFiles.stores !== undefined && { stores: settings('stores') }),
  };
}

function read(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new HeadwaterError('CONFIG_MISSING', `${what} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
