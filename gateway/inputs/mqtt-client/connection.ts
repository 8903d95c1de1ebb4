import { connect as connectTcp, isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { MqttClient } from 'mqtt';
import type { Publish } from '../mqtt/packets.ts';
import type { Ending } from './problems.ts';
import { Tap } from './tap.ts';

/** How long a good-bye may take. */
const GOODBYE_MS = 500;
/** Unacknowledged messages at a time, for a broker that speaks MQTT 5; one of 3.1.1 has its own limit. */
const RECEIVE_MAXIMUM = 2_000;
/** The session never ends by itself: an outage may take long. */
const FOR_EVER = 0xffff_ffff;

export interface Access {
  readonly username?: string;
  readonly password?: string;
  /** PEM texts. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface Subscription {
  readonly filter: string;
  readonly qos: 1 | 2;
}

export interface ConnectionOptions {
  readonly url: URL;
  readonly access: Access;
  readonly clientId: string;
  /** 4 for MQTT 3.1.1. */
  readonly version: 4 | 5;
  /** After so much silence the broker is asked whether it is there; it may take as long to take the connection. */
  readonly keepAliveSeconds: number;
  /** `size`: bytes of the packet on the wire. */
  publish(packet: Publish, size: number): void;
  pubrel(packetId: number): void;
  /** The broker took the connection. `sessionPresent`: it kept what came while nobody was connected. */
  connected(sessionPresent: boolean): void;
}

/** One connection to a broker, from the attempt to its end, with a persistent session. */
export interface Connection {
  readonly ended: Promise<Ending>;
  send(acks: Buffer): void;
  pauseReading(): void;
  resumeReading(): void;
  /** Gives the granted QoS of each subscription, in order; 128 and more where the broker refuses. @throws where the connection ends before */
  subscribe(subscriptions: readonly Subscription[]): Promise<number[]>;
  unsubscribe(filters: readonly string[]): Promise<void>;
  /** Breaks it off; `why` becomes its end's error where there is no earlier one. */
  destroy(why?: Error): void;
  /** Takes leave of the broker. */
  close(): Promise<void>;
}

/** @throws where certificate or key cannot be read as such */
export function openConnection(options: ConnectionOptions): Connection {
  const { url, access, clientId, version, keepAliveSeconds } = options;
  const { promise: ended, resolve: end } = Promise.withResolvers<Ending>();
  let connack: number | undefined;
  let disconnect: number | undefined;
  let error: Error | undefined;

  const tap = new Tap(openSocket(url, access), version, {
    publish: options.publish,
    pubrel: options.pubrel,
    connack: (code) => {
      connack = code;
    },
  });
  // The tap sees its own errors first: the client passes on only those that have a code.
  tap.on('error', (its) => {
    error ??= its;
  });
  const client = new MqttClient(() => tap, {
    clientId,
    clean: false,
    protocolVersion: version,
    keepalive: keepAliveSeconds,
    connectTimeout: keepAliveSeconds * 1_000,
    // Each connection is a client of its own, so that the pause between two of them is ours to choose.
    reconnectPeriod: 0,
    resubscribe: false,
    ...(access.username !== undefined && { username: access.username }),
    ...(access.password !== undefined && { password: access.password }),
    ...(version === 5 && {
      properties: { sessionExpiryInterval: FOR_EVER, receiveMaximum: RECEIVE_MAXIMUM },
    }),
  });
  const destroy = (why?: Error) => {
    error ??= why;
    tap.destroy();
  };
  client.on('error', destroy);
  client.on('disconnect', ({ reasonCode }) => {
    disconnect = reasonCode;
  });
  client.on('connect', ({ sessionPresent }) => options.connected(sessionPresent));
  client.on('close', () => end({ connack, disconnect, error }));

  return {
    ended,
    destroy,
    send: (acks) => tap.write(acks),
    pauseReading: () => tap.pauseReading(),
    resumeReading: () => tap.resumeReading(),
    subscribe: (subscriptions) =>
      new Promise((resolve, reject) => {
        // Nothing of what was retained: see Delivery.
        const asked = subscriptions.map(({ filter, qos }) => [filter, { qos, rh: 2 as const }] as const);
        client.subscribe(Object.fromEntries(asked), (failure, subs = [], packet) => {
          const granted = packet?.granted;
          if (granted === undefined) return reject(failure ?? new Error('the broker did not answer a subscription'));
          const byFilter = new Map(subs.map(({ topic }, i) => [topic, Number(granted[i])]));
          resolve(subscriptions.map(({ filter }) => byFilter.get(filter) ?? 128));
        });
      }),
    unsubscribe: async (filters) => {
      await client.unsubscribeAsync([...filters]);
    },
    async close() {
      if (client.connected) client.end();
      else tap.destroy();
      const late = setTimeout(() => tap.destroy(), GOODBYE_MS);
      await ended;
      clearTimeout(late);
    },
  };
}

function openSocket(url: URL, { ca, cert, key }: Access): Duplex {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (url.protocol === 'mqtt:') return connectTcp({ host, port: Number(url.port || 1883), noDelay: true });
  const socket = connectTls({
    host,
    port: Number(url.port || 8883),
    minVersion: 'TLSv1.2',
    // An address is checked against the certificate, but must not be sent as a name.
    ...(isIP(host) === 0 && { servername: host }),
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  });
  return socket.setNoDelay(true);
}
