import type { EventEmitter } from 'node:events';
import { Aedes, type AuthenticateError, type Client, type PublishPacket, type SubscribePacket } from 'aedes';

// Everything here that leans on how aedes 1.2.0 works inside; mqtt.test.ts fails when a newer one works otherwise.

/** Largest packet taken, its header included. aedes itself would collect up to 256 MB for one. */
const MAX_PACKET = 65_536;
/** Bytes parsed at once of one connection, by how many messages wait for the disk: each of these costs some 3 KB of memory. */
const SLICES = [
  { waiting: 1_000, bytes: 65_536 },
  { waiting: 4_000, bytes: 8_192 },
  { waiting: Number.POSITIVE_INFINITY, bytes: 1_024 },
];
/** A topic of at most three levels, without what is forbidden in a PUBLISH. */
const TAKEN_BY_AEDES = /^[^+#/]{1,64}(\/[^+#/]{0,64}){0,2}$/;

export interface Published {
  readonly client: Client | null;
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  /** Absent with QoS 0 and on a will. */
  readonly packetId: number | undefined;
  readonly dup: boolean;
}

export interface BrokerHooks {
  /** Whether the client may connect, or with which CONNACK code it is refused. */
  authenticate(username: string | undefined, password: Buffer | undefined): Promise<'welcome' | 3 | 4>;
  /** The PUBACK is sent when this resolves to true; the connection is closed without one when it resolves to false. */
  publish(message: Published): Promise<boolean>;
  onClientError(client: string, error: Error): void;
}

/** An aedes that acknowledges only when told to, keeps nothing itself, and delivers only when somebody has subscribed. */
export async function openBroker(hooks: BrokerHooks): Promise<Aedes> {
  const unreadable = new WeakMap<object, string>();
  let subscribed = false;
  let waiting = 0;
  const broker = await Aedes.createBroker({
    authenticate(_client, username, password, done) {
      hooks.authenticate(username, password).then(
        (answer) => {
          if (answer === 'welcome') return done(null, true);
          done(Object.assign(new Error('connection refused'), { returnCode: answer }) as AuthenticateError, null);
        },
        (error: AuthenticateError) => done(error, null),
      );
    },
    authorizePublish(client, packet, done) {
      // Retained messages would be kept in memory, one for each topic anybody thinks of.
      packet.retain = false;
      const { qos, dup, messageId } = packet;
      const topic = unreadable.get(packet) ?? packet.topic;
      const payload = packet.payload as Buffer;
      waiting++;
      hooks.publish({ client, topic, payload, qos, packetId: messageId, dup }).then(
        (kept) => {
          waiting--;
          done(kept ? null : new Error('the message could not be kept'));
        },
        (error: Error) => {
          waiting--;
          done(error);
        },
      );
    },
    authorizeSubscribe(_client, subscription, done) {
      subscribed = true;
      done(null, subscription);
    },
  });

  const { handle } = broker;
  broker.handle = (connection, request) => {
    const client = handle.call(broker, connection, request);
    const parser = (client as unknown as { _parser: Parser })._parser;
    const { read } = connection;
    const { parse } = parser;
    let packets = 0;

    // aedes reads whatever has come, up to 64 KB, and reads on when all messages of that are dealt with.
    connection.read = (size?: number) => {
      // Node itself calls read(0) to get the stream going.
      if (typeof size === 'number') return read.call(connection, size);
      const { bytes } = SLICES.find((slice) => waiting < slice.waiting)!;
      return read.call(connection, Math.min(bytes, connection.readableLength) || undefined);
    };
    parser.parse = (bytes) => {
      const before = packets;
      let left = parse.call(parser, bytes);
      // Half a packet has nothing that could be dealt with, so aedes would not come back for the rest.
      while (packets === before && left <= MAX_PACKET && connection.readableLength > 0) {
        left = parse.call(parser, connection.read());
      }
      if (left > MAX_PACKET) connection.destroy(new Error(`packet is larger than ${MAX_PACKET} bytes`));
      return left;
    };
    parser.prependListener('packet', (packet: PublishPacket | SubscribePacket) => {
      packets++;
      // With QoS 1, what an absent subscriber misses would be queued in memory without end.
      if (packet.cmd === 'subscribe') for (const subscription of packet.subscriptions) subscription.qos = 0;
      // aedes closes the connection on such a topic before any hook is asked, so the device would send it again for ever.
      if (packet.cmd !== 'publish' || TAKEN_BY_AEDES.test(packet.topic)) return;
      unreadable.set(packet, packet.topic);
      packet.topic = 'unreadable';
    });
    return client;
  };

  // Without subscribers a delivery is only work: a queue, two promises and a search for each message.
  const inner = broker as unknown as { publish: (packet: object, client: unknown, done?: () => void) => void };
  const deliver = inner.publish.bind(broker);
  inner.publish = (packet, client, done) => {
    if (subscribed) return deliver(packet, client, done);
    if (typeof client === 'function') client();
    else done?.();
  };

  for (const event of ['clientError', 'connectionError'] as const) {
    broker.on(event, (client, error) => hooks.onClientError(client.id ?? 'not yet connected', error));
  }
  return broker;
}

interface Parser extends EventEmitter {
  /** Gives how many bytes of an unfinished packet it holds. */
  parse(bytes: Buffer): number;
}
