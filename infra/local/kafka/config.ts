/** The ports of one node on 127.0.0.1. */
export interface Ports {
  /** For programs: TLS and SCRAM. */
  readonly client: number;
  /** Between brokers, and for programs with a certificate of their own: TLS, both sides with a certificate. */
  readonly replication: number;
  /** Of the metadata quorum: the same. */
  readonly controller: number;
}

export interface NodeConfig {
  readonly id: number;
  readonly dataDir: string;
  readonly nodes: readonly { readonly id: number; readonly ports: Ports }[];
  readonly superUsers: readonly string[];
  /** Port that it names to its clients, where they reach it by another way than its own. */
  readonly advertised?: number | undefined;
  /** PEM: key, certificate and CA. */
  readonly bundlePath: string;
  readonly caPath: string;
}

/** The name in a node's certificate, and by that its user. */
export const nodeUser = (id: number): string => `broker-${id}`;

/** The `server.properties` of one node. It holds no secret, only the place of the key. */
export function serverProperties(config: NodeConfig): string {
  const { id, dataDir, nodes, superUsers, advertised, bundlePath, caPath } = config;
  const { ports } = nodes.find((node) => node.id === id)!;
  const replicas = Math.min(3, nodes.length);
  const inSync = replicas === 3 ? 2 : 1;
  const endpoints = {
    CLIENT: `127.0.0.1:${ports.client}`,
    REPLICATION: `127.0.0.1:${ports.replication}`,
    CONTROLLER: `127.0.0.1:${ports.controller}`,
  };
  const listeners = (names: readonly (keyof typeof endpoints)[], at = endpoints) =>
    names.map((name) => `${name}://${at[name]}`).join(',');
  const shown = { ...endpoints, CLIENT: `127.0.0.1:${advertised ?? ports.client}` };
  const properties: Record<string, string | number | boolean> = {
    'process.roles': 'broker,controller',
    'node.id': id,
    'controller.quorum.voters': nodes.map((node) => `${node.id}@127.0.0.1:${node.ports.controller}`).join(','),
    'log.dirs': dataDir,

    listeners: listeners(['CLIENT', 'REPLICATION', 'CONTROLLER']),
    'advertised.listeners': listeners(['CLIENT', 'REPLICATION'], shown),
    'listener.security.protocol.map': 'CLIENT:SASL_SSL,REPLICATION:SSL,CONTROLLER:SSL',
    'inter.broker.listener.name': 'REPLICATION',
    'controller.listener.names': 'CONTROLLER',
    'sasl.enabled.mechanisms': 'SCRAM-SHA-512',
    'listener.name.client.scram-sha-512.sasl.jaas.config':
      'org.apache.kafka.common.security.scram.ScramLoginModule required;',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': bundlePath,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': caPath,
    'listener.name.replication.ssl.client.auth': 'required',
    'listener.name.controller.ssl.client.auth': 'required',
    'ssl.principal.mapping.rules': 'RULE:^CN=([^,]+).*$/$1/',

    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'allow.everyone.if.no.acl.found': false,
    'super.users': [...nodes.map((node) => nodeUser(node.id)), ...superUsers].map((user) => `User:${user}`).join(';'),

    'auto.create.topics.enable': false,
    'default.replication.factor': replicas,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    // A laptop has few groups and transactional ids; each partition costs start time and memory.
    'offsets.topic.num.partitions': 8,
    // A week by default. What waits for a channel or a store while no hub runs is kept for 30 days, and so must be where they stand.
    'offsets.retention.minutes': 35 * 24 * 60,
    'transaction.state.log.num.partitions': 8,
    'share.coordinator.state.topic.num.partitions': 1,

    'group.initial.rebalance.delay.ms': 0,
    // Looked for every 10 s by default, which would double the time a hung transaction holds up every reader.
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': 1_000,
    // The default, 128 MB, is the whole heap.
    'log.cleaner.dedupe.buffer.size': 16 * 1024 * 1024,
    // How long a killed broker's partitions stay without a leader, and how long it may not come back: 9 s by default.
    'broker.session.timeout.ms': 4_000,
    'broker.heartbeat.interval.ms': 1_000,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'background.threads': 2,
  };
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}
