import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { Aedes, type AuthenticateError, type Client } from 'aedes';
import type { Outcome } from '../../buffer/index.ts';
import type { Access } from './access.ts';
import { type ConnectionOwner, DeviceConnection } from './connection.ts';
import { isTopicName } from './filters.ts';
import { Flow } from './flow.ts';
import { type BrokerMemory, boundMemory } from './memory.ts';
import { PacketError, type Publish } from './packets.ts';
import type { Sessions } from './sessions.ts';

/** Of all devices together. */
const FLOW = {
  messages: 1_000,
  // Small messages never come to so much. Large ones would, by far: 64 KiB of line protocol are a thousand readings, and as many of CSV can be 32,000.
  bytes: 4 * 1_024 * 1_024,
  // As many as the buffer remembers. A device may have all its 65,535, as after an outage.
  unreleased: 131_072,
  // A new subscriber may be sent all that is retained or waits for it, which is more than a slow line takes at once.
  unsent: 10 * 1_024 * 1_024,
  unsentInAll: 20 * 1_024 * 1_024,
};
/** Who reads nothing for so long, while something is there for him, is cut off. */
const STUCK_MS = 60_000;
/** A device that connects has this long to say who it is. */
const CONNECT_WITHIN_MS = 10_000;
const SILENCE_CHECK_MS = 1_000;
/** The protocol lets a device be silent for one and a half times what it announced. */
const PATIENCE = 1_500;
const MAX_LEVELS = 100;
/** With more connections than these, stopping to read them all and going on costs more than it saves. */
const MAX_UNREAD = 250;
/** The buffer writes a client's id beside what it remembers of each commit: so many times that long ones would fill it. */
const MAX_CLIENT_ID = 256;
const NO_BYTES = Buffer.alloc(0);
/** What aedes calls the ends of connections that are not the fault of a packet. */
const OTHER_ENDINGS = new Set(['connect did not arrive in time', 'connection closed', 'no such packet']);
/** By which messages of devices are told from those that aedes makes. */
const FROM_DEVICES = 'devices';

export interface Login {
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Buffer | undefined;
  readonly socket: Socket;
  /** Whether the device still waits for the answer. */
  readonly isWanted: () => boolean;
}

export interface BrokerHooks extends ConnectionOwner {
  /** What the client may do, or the CONNACK code with which it is refused. */
  logIn(login: Login): Promise<Access | 2 | 3 | 4>;
  /** The client's session is over: its QoS 2 ids mean nothing any more. */
  forget(clientId: string): PromiseLike<Outcome>;
  /** The will of a device that vanished. */
  will(connection: DeviceConnection, message: Publish): void;
  /** Something for a subscriber was beyond what is kept in memory. */
  onDropped(): void;
  onClientError(client: string, error: Error): void;
}

/** What aedes hands messages to subscribers with. */
interface Emitter {
  emit(packet: { readonly brokerId?: string }, done: () => void): void;
}

/** The MQTT side of the gateway: aedes for connecting, subscribing and delivering, without the messages that go to the disk. */
export class Broker {
  readonly #aedes: Aedes;
  readonly #hooks: BrokerHooks;
  readonly #sessions: Sessions;
  readonly #flow = new Flow(FLOW);
  readonly #connections = new Set<DeviceConnection>();
  readonly #ofClient = new WeakMap<Client, DeviceConnection>();
  readonly #byId = new Map<string, DeviceConnection>();
  readonly #silence: NodeJS.Timeout;
  /** Resolves when the message before was emitted. */
  #emitted: Promise<void> = Promise.resolve();
  #onEmitted = () => {};
  #delivered = 0;
  #closing = false;
  /** Whether anybody ever subscribed. */
  #subscribed: boolean;

  static async open(hooks: BrokerHooks, sessions: Sessions): Promise<Broker> {
    const broker = new Broker(hooks, sessions);
    await broker.#aedes.listen();
    const { persistence } = broker.#aedes as unknown as { persistence: BrokerMemory };
    await boundMemory(persistence, sessions, {
      mayRead: (clientId, filter) => broker.#byId.get(clientId)?.access?.subscribe.grants(filter) === true,
      isConnected: (clientId) => broker.#byId.has(clientId),
      onDropped: () => hooks.onDropped(),
    });
    return broker;
  }

  private constructor(hooks: BrokerHooks, sessions: Sessions) {
    this.#hooks = hooks;
    this.#sessions = sessions;
    this.#subscribed = !sessions.subscriptions().next().done;
    this.#aedes = new Aedes({
      // No message waits until others are done with: it would have to be kept somewhere meanwhile.
      concurrency: 0,
      connectTimeout: CONNECT_WITHIN_MS,
      preConnect: (client, packet, done) => {
        const connection = this.#ofClient.get(client)!;
        connection.clientId = packet.clientId;
        // Messages do not pass the broker, so it cannot know who is silent.
        connection.silenceMs = (packet.keepalive ?? 0) * PATIENCE;
        packet.keepalive = 0;
        done(null, true);
      },
      authenticate: (client, username, password, done) => {
        const refuse = (code: number, why: string) =>
          done(Object.assign(new Error(why), { returnCode: code }) as AuthenticateError, null);
        this.#admit(client, username, password).then(
          (code) => (code === 0 ? done(null, true) : refuse(code, `refused with CONNACK ${code}`)),
          (error: Error) => refuse(3, error.message),
        );
      },
      // Only wills come here: what devices publish never reaches aedes.
      authorizePublish: (client, packet, done) => {
        const connection = client === null ? undefined : this.#ofClient.get(client);
        const { topic, qos, retain } = packet;
        const payload = packet.payload as Buffer;
        // A gateway that is being stopped is no sign of a device that has vanished.
        if (connection && !this.#closing)
          this.#hooks.will(connection, { topic, payload, qos, retain, packetId: 0, dup: false });
        done(new Error('wills are handed on with the other messages'));
      },
      authorizeSubscribe: (client, subscription, done) => {
        const granted = this.#ofClient.get(client)?.access?.subscribe.grants(subscription.topic) === true;
        if (granted) this.#subscribed = true;
        done(null, granted ? subscription : null);
      },
      authorizeForward: (client, packet) =>
        this.#ofClient.get(client)?.access?.subscribe.allows(packet.topic) ? packet : null,
    });
    const { mq } = this.#aedes as unknown as { mq: Emitter };
    const emit = mq.emit.bind(mq);
    mq.emit = (packet, done) => {
      emit(packet, done);
      if (packet.brokerId === FROM_DEVICES) this.#onEmitted();
    };
    for (const event of ['clientError', 'connectionError'] as const) {
      this.#aedes.on(event, (client, error) => this.#onError(client, error));
    }
    this.#aedes.on('subscribe', (_, client) => this.#ofClient.get(client)?.subscribed());
    (this.#aedes as EventEmitter).on('error', (error: Error) => hooks.onClientError('the broker', error));
    this.#silence = setInterval(() => this.#closeDead(), SILENCE_CHECK_MS);
  }

  get clients(): number {
    return this.#aedes.connectedClients;
  }

  get connections(): Iterable<DeviceConnection> {
    return this.#connections;
  }

  /** Whether it is worth giving messages to `deliver`. */
  get hasSubscribers(): boolean {
    return this.#subscribed;
  }

  handle(socket: Socket): void {
    const connection = new DeviceConnection(socket, this.#hooks, this.#flow);
    const client = this.#aedes.handle(connection.stream);
    this.#connections.add(connection);
    this.#ofClient.set(client, connection);
    client.on('connected', () => connection.open());
    connection.stream.once('close', () => {
      this.#connections.delete(connection);
      if (this.#byId.get(connection.clientId) === connection) this.#byId.delete(connection.clientId);
    });
  }

  /**
   * Gives a message to those who subscribed to its topic, after those that were given before. aedes alone would have messages that need more steps
   * (QoS 1 and 2, retained ones) overtaken by others, and then takes what was overtaken for a repeat and drops it.
   */
  deliver({ topic, payload, qos, retain }: Publish): void {
    if (!isDeliverable(topic)) return;
    // A copy: the payload is a part of a chunk of which nothing else may have to stay in memory.
    const message = { cmd: 'publish', topic, payload: Buffer.from(payload), qos, retain, dup: false } as const;
    this.#emitted = this.#emitted.then(() => {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onEmitted = resolve;
      const packet = { ...message, brokerId: FROM_DEVICES, brokerCounter: ++this.#delivered };
      this.#aedes.publish(packet, (error) => {
        if (error) this.#hooks.onDropped();
        resolve();
      });
      return promise;
    });
  }

  /** Leaves unread what devices send, or reads on. */
  rest(resting: boolean): void {
    if (resting && this.#connections.size > MAX_UNREAD) return;
    for (const connection of this.#connections) connection.rest(resting);
  }

  async close(): Promise<void> {
    this.#closing = true;
    clearInterval(this.#silence);
    await new Promise<void>((resolve) => this.#aedes.close(resolve));
    for (const connection of this.#connections) connection.close();
  }

  /** Gives a CONNACK code. */
  async #admit(client: Client, username: string | undefined, password: Buffer | undefined): Promise<number> {
    const connection = this.#ofClient.get(client)!;
    const sessions = this.#sessions;
    // Nobody could ever take up a lasting session that has no name.
    if (connection.clientId === '' && !client.clean) return 2;
    if (Buffer.byteLength(connection.clientId) > MAX_CLIENT_ID) return 2;
    connection.clientId = client.id;
    const { socket, clientId } = connection;
    const isWanted = () => !connection.stream.destroyed;
    const access = await this.#hooks.logIn({ clientId, username, password, socket, isWanted });
    if (typeof access === 'number') return access;
    const before = this.#byId.get(clientId);
    const foreign = before !== undefined && before.access?.username !== access.username;
    if (foreign || sessions.isForeign(clientId, access.username)) return 2;
    if (connection.stream.destroyed) return 3;
    // What it still had to say would come after its session was taken over.
    before?.stop();
    this.#byId.set(clientId, connection);
    connection.access = access;
    connection.persistent = !client.clean;
    connection.resumed = connection.persistent && sessions.has(clientId);
    await this.#beginSession(connection);
    // It went while it came: the broker will not close the one before it.
    if (connection.stream.destroyed) before?.close();
    return 0;
  }

  /** @throws when the session, or the end of the one before it, could not be written */
  async #beginSession({ clientId, persistent, resumed, access }: DeviceConnection): Promise<void> {
    const sessions = this.#sessions;
    if (!persistent && !sessions.has(clientId)) return;
    if (!resumed) await this.#forget(clientId);
    if (!persistent) return sessions.end(clientId);
    for (let id = sessions.nextToEnd; !resumed && id !== undefined; id = sessions.nextToEnd) {
      await this.#forget(id);
      await sessions.end(id);
    }
    await sessions.begin(clientId, access!.username);
  }

  async #forget(clientId: string): Promise<void> {
    if ((await this.#hooks.forget(clientId)) === 'refused') throw new Error('the session could not be written');
  }

  #onError(client: Client, error: Error): void {
    const connection = this.#ofClient.get(client);
    // Those with a code are the system's, such as a full disk under the sessions.
    if ('errorCode' in error || 'code' in error || OTHER_ENDINGS.has(error.message) || connection === undefined) {
      this.#hooks.onClientError(client.id ?? 'not yet connected', error);
    } else this.#hooks.broken(connection, new PacketError('PACKET_MALFORMED', error.message), NO_BYTES);
  }

  #closeDead(): void {
    const now = performance.now();
    for (const connection of this.#connections) {
      if (connection.isSilent(now)) connection.close();
      else connection.closeIfStuck(now, STUCK_MS);
    }
  }
}

/** Whether the broker's topic tree can take it. */
function isDeliverable(topic: string): boolean {
  return isTopicName(topic) && topic.split('/', MAX_LEVELS + 1).length <= MAX_LEVELS;
}
