import { CONNECT_TOPICS, OWN_TOPICS, TOPICS } from './topics.ts';

export type Operation = 'read' | 'write' | 'describe' | 'delete' | 'idempotentWrite' | 'describeConfigs';

/** One right of one user. Whatever is not listed is refused. */
export interface Right {
  readonly resource: 'topic' | 'group' | 'transactionalId' | 'cluster';
  readonly name: string;
  readonly pattern: 'literal' | 'prefixed';
  readonly operations: readonly Operation[];
}

/** The programs that connect to Kafka, each with its own user. `admin` applies the catalogue and is a super user. */
export const USERS = ['admin', 'gateway', 'hub', 'sources', 'page', 'stores', 'connect', 'flink'] as const;
export type User = (typeof USERS)[number];

const on = (name: string, ...operations: Operation[]): Right => ({
  resource: 'topic',
  name,
  pattern: 'literal',
  operations,
});
const under = (resource: Right['resource'], name: string, ...operations: Operation[]): Right => ({
  resource,
  name,
  pattern: 'prefixed',
  operations,
});

const inputs = [
  TOPICS.webRequests,
  TOPICS.transactions,
  TOPICS.weather,
  TOPICS.air,
  TOPICS.traffic,
  TOPICS.social,
  TOPICS.quotes,
];
const results = [
  TOPICS.readings10s,
  TOPICS.readings1m,
  TOPICS.sites1m,
  TOPICS.comfort1m,
  TOPICS.siteComfort1m,
  TOPICS.weatherReadings,
  TOPICS.siteWeather,
  TOPICS.silences,
  TOPICS.webRequests10s,
  TOPICS.webRequests1m,
  TOPICS.webSite10s,
  TOPICS.webSite1m,
  TOPICS.webSessions,
  TOPICS.transactions10s,
  TOPICS.transactions1m,
  TOPICS.transactionsEnriched,
  TOPICS.balances,
  TOPICS.anomalies,
  TOPICS.breaches,
  TOPICS.episodes,
  TOPICS.alerts,
  TOPICS.alertSilences,
  TOPICS.notifications,
  TOPICS.alertChannels,
  TOPICS.health,
  TOPICS.late,
  TOPICS.deadLetters,
  TOPICS.gateways,
  TOPICS.devices,
  TOPICS.accounts,
  TOPICS.places,
];
const read = (...topics: { name: string }[]) => topics.map((t) => on(t.name, 'read', 'describe'));
const write = (...topics: { name: string }[]) => topics.map((t) => on(t.name, 'write', 'describe'));

/** Topics whose records Kafka Connect makes documents of. */
export const DOCUMENT_TOPICS = [
  TOPICS.anomalies,
  TOPICS.alerts,
  TOPICS.transactionsEnriched,
  TOPICS.webSessions,
] as const;

/** The least each program needs. */
export const RIGHTS: Readonly<Record<Exclude<User, 'admin'>, readonly Right[]>> = {
  gateway: write(TOPICS.raw, TOPICS.gateways, TOPICS.health),
  sources: [
    ...write(...inputs, TOPICS.devices, TOPICS.accounts, TOPICS.places, TOPICS.deadLetters),
    under('topic', 'sources.', 'read', 'write', 'describe'),
    under('group', 'sources.', 'read', 'describe'),
    under('transactionalId', 'sources.', 'write', 'describe'),
  ],
  hub: [
    ...read(TOPICS.raw, TOPICS.readings, ...inputs, ...results),
    ...write(TOPICS.readings, ...results),
    under('topic', 'hub.', 'read', 'write', 'describe', 'delete'),
    under('topic', OWN_TOPICS, 'read', 'write', 'describe'),
    under('group', 'hub.', 'read', 'describe'),
    under('group', 'page.', 'describe'),
    under('group', 'stores.', 'describe'),
    on(CONNECT_TOPICS.deadLetters.name, 'read', 'describe'),
    under('group', 'connect-', 'describe'),
    under('transactionalId', 'hub.', 'write', 'describe'),
    // How the brokers' disks are: kafka/log-dirs.ts.
    { resource: 'cluster', name: 'kafka-cluster', pattern: 'literal', operations: ['describe'] },
  ],
  page: [
    ...read(TOPICS.readings, ...results),
    under('topic', OWN_TOPICS, 'read', 'describe'),
    under('group', 'page.', 'read', 'describe'),
    under('group', 'hub.', 'describe'),
  ],
  stores: [
    ...read(TOPICS.readings, TOPICS.weather, TOPICS.air, TOPICS.traffic, TOPICS.quotes, ...results),
    under('topic', OWN_TOPICS, 'read', 'describe'),
    ...write(TOPICS.deadLetters),
    under('group', 'stores.', 'read', 'describe'),
  ],
  connect: [
    ...read(...DOCUMENT_TOPICS),
    ...[CONNECT_TOPICS.configs, CONNECT_TOPICS.offsets, CONNECT_TOPICS.status].map((t) =>
      on(t.name, 'read', 'write', 'describe', 'describeConfigs'),
    ),
    ...write(CONNECT_TOPICS.deadLetters),
    under('group', 'connect', 'read', 'describe'),
  ],
  flink: [
    ...read(TOPICS.readings, ...inputs, ...results),
    under('topic', 'flink.', 'read', 'write', 'describe'),
    under('group', 'flink.', 'read', 'describe'),
    under('transactionalId', 'flink.', 'write', 'describe'),
  ],
};
