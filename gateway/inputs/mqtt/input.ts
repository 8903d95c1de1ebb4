import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket, type TlsOptions, Server as TlsServer } from 'node:tls';
import { HeadwaterError } from '../../../contract/index.ts';
import { type Outcome, whenSettled } from '../../buffer/index.ts';
import { handOver, type Input, type InputStatus, type Message, type Receipt, type Receive } from '../input.ts';
import { type Access, accessAgain, certificateName, logIn, type Rights } from './access.ts';
import type { Accounts } from './accounts.ts';
import { Broker, type BrokerHooks, type Login } from './broker.ts';
import type { DeviceConnection, Taken } from './connection.ts';
import { TopicRules } from './filters.ts';
import type { Publish } from './packets.ts';
import { Refusing } from './refusing.ts';
import { Sessions } from './sessions.ts';

export interface MqttOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** PEM texts; with them the port speaks TLS only. */
  readonly tls?: {
    readonly cert: string;
    readonly key: string;
    /** Whose client certificates stand for users, and whether one is needed. */
    readonly clientCa?: string;
    readonly clientCertificates?: 'optional' | 'required';
  };
  /** Undefined lets everybody in. */
  readonly accounts?: Accounts;
  /** What everybody may do where `accounts` is undefined: publish anywhere, unless told otherwise. */
  readonly anonymous?: Rights;
  /** Filters of topics that are passed on to subscribers only: nothing of them is stored. */
  readonly local?: readonly string[];
  /** Where sessions are kept over restarts; undefined: they end with the process. */
  readonly sessionsFile?: string;
  readonly maxClients: number;
  readonly onClientError?: (client: string, error: Error) => void;
}

export interface MqttInput extends Input {
  /** The port it listens on, once started. */
  readonly port: number;
  /** Where devices reach it, such as `mqtt://127.0.0.1:1883`. */
  readonly url: string;
  /** Takes other accounts, limits and certificates over while its connections stay; its address stays as it is. Those whose account is gone are cut off. */
  renew(options: MqttOptions): void;
}

const source = 'mqtt';
/** Who has not finished the handshake by then makes room for others. */
const HANDSHAKE_WITHIN_MS = 10_000;
const NOTHING = Buffer.alloc(0);

/** MQTT 3.1.1 devices, through a broker of the gateway's own. */
export function mqttInput(initial: MqttOptions): MqttInput {
  let options = initial;
  let local = new TopicRules(options.local ?? []);
  const counts = { messages: 0, lost: 0, unreadable: 0 };
  const notices = { forbidden: 0, undelivered: 0, turnedAway: 0, notTaken: 0, fellBehind: 0 };
  let state: InputStatus['state'] = 'waiting';
  let server: Server | undefined;
  let broker: Broker | undefined;
  const refusing = new Refusing();

  const onClientError = (client: string, error: Error) => options.onClientError?.(client, error);

  function hooksFor(receive: Receive): BrokerHooks {
    const hand = (message: Message): Receipt => handOver(receive, message);

    function publish(connection: DeviceConnection, message: Publish): Taken {
      const { topic, payload, qos, packetId, dup } = message;
      const { clientId, persistent, access } = connection;
      counts.messages++;
      const sender = access!.username ?? clientId;
      const packet = packetId === 0 ? undefined : { client: clientId, packetId, dup, once: qos === 2 && persistent };
      if (!access!.publish.allows(topic)) {
        notices.forbidden++;
        const reason = `${who(connection)} may not publish to this topic`;
        return hand({ source, sender, topic, payload, packet, problem: { code: 'TOPIC_FORBIDDEN', reason } });
      }
      if (!local.isEmpty && local.allows(topic)) return passOn(connection, message);
      const taken = hand({ source, sender, topic, payload, packet });
      // Readings are not retained: one would stay in memory for each topic anybody thinks of.
      if (broker!.hasSubscribers) deliverStored(taken.outcome, { ...message, retain: false });
      return taken;
    }

    /** Beside the acknowledgement, which waits for no subscriber. */
    function deliverStored(outcome: PromiseLike<Outcome>, message: Publish): void {
      whenSettled(outcome, { settle: (its) => void (its === 'stored' && broker!.deliver(message)) });
    }

    /** A message between devices: on its way it passes through memory only, but QoS 2 is remembered as any other. */
    function passOn(connection: DeviceConnection, message: Publish): Taken {
      const { clientId: client, persistent } = connection;
      const { qos, packetId, dup } = message;
      if (qos === 2 && packetId !== 0 && persistent) {
        const packet = { client, packetId, dup, once: true };
        const taken = hand({ source, topic: message.topic, payload: NOTHING, packet, passing: true });
        deliverStored(taken.outcome, message);
        return taken;
      }
      broker!.deliver(message);
      return { outcome: Promise.resolve('stored'), size: 0 };
    }

    function refused(qos: 0 | 1 | 2): void {
      refusing.begin();
      // Nobody sends it again.
      if (qos === 0) counts.lost++;
    }

    return {
      publish,
      release({ clientId: client, persistent }, packetId) {
        // Without a lasting session nothing was remembered that would have to be forgotten.
        if (!persistent) return Promise.resolve('stored');
        return hand({ source, payload: NOTHING, forget: { client, packetId } }).outcome;
      },
      forget: (client) => hand({ source, payload: NOTHING, forget: { client } }).outcome,
      broken(connection, { code, message }, bytes) {
        counts.unreadable++;
        const reason = `${who(connection)} sent ${message}`;
        const sender = connection.access?.username ?? connection.clientId;
        hand({ source, sender, payload: bytes, problem: { code, reason } });
        onClientError(connection.clientId, new Error(reason));
      },
      will(connection, message) {
        const { outcome } = publish(connection, message);
        void outcome.then((its) => its === 'refused' && refused(0));
      },
      fellBehind({ clientId }) {
        notices.fellBehind++;
        onClientError(clientId, new Error('cut off, because it does not read what is sent to it'));
      },
      refused,
      logIn: (login) => (refusing.isOn ? Promise.resolve(3) : admit(login)),
      onDropped: () => void notices.undelivered++,
      onClientError,
    };
  }

  async function admit({ clientId, username, password, socket, isWanted }: Login): Promise<Access | 3 | 4> {
    const { accounts, anonymous } = options;
    const certificate = socket instanceof TLSSocket ? certificateName(socket) : undefined;
    if (certificate === false) return 4;
    const address = socket.remoteAddress ?? '';
    return logIn(
      { accounts, anonymous },
      { clientId, username, password, certificateName: certificate, address, isWanted },
    );
  }

  return {
    name: source,
    get port() {
      const address = server?.address();
      return typeof address === 'object' && address !== null ? address.port : options.port;
    },
    get url() {
      const host = options.host.includes(':') ? `[${options.host}]` : options.host;
      return `${options.tls ? 'mqtts' : 'mqtt'}://${host}:${this.port}`;
    },
    renew(next) {
      const { host, port, tls } = options;
      options = { ...next, host, port, ...(tls && { tls: next.tls ?? tls }) };
      local = new TopicRules(options.local ?? []);
      if (server) server.maxConnections = options.maxClients;
      // Connections that stand go on with the old certificate.
      if (server instanceof TlsServer && options.tls) server.setSecureContext(tlsOptions(options.tls));
      for (const connection of broker?.connections ?? []) {
        const access = connection.access && accessAgain(options, connection.access, connection);
        if (access === 'gone') connection.close();
        else connection.access = access;
      }
    },
    async start(receive) {
      refusing.ask(receive.accepts);
      const sessions = new Sessions(options.sessionsFile, (error) => onClientError('all sessions', error));
      const opened = await Broker.open(hooksFor(receive), sessions);
      broker = opened;
      const onConnection = (socket: Socket) => opened.handle(socket);
      server = options.tls
        ? createTlsServer(tlsOptions(options.tls), onConnection)
        : createServer({ noDelay: true }, onConnection);
      server.maxConnections = options.maxClients;
      server.on('drop', () => notices.turnedAway++);
      server.on('tlsClientError', (error) => onClientError('not yet connected', error));
      await listen(server, options);
      // As when there are no file descriptors left.
      server.on('error', (error) => {
        notices.notTaken++;
        onClientError('not yet connected', error);
      });
      state = 'ok';
    },
    status() {
      const detail = describe(broker?.clients ?? 0, refusing.isOn, notices, counts.unreadable);
      return { state: refusing.isOn ? 'waiting' : state, detail, ...counts };
    },
    rest(resting) {
      // What passes from device to device is wanted at once.
      if (!resting || local.isEmpty) broker?.rest(resting);
    },
    async close() {
      state = 'waiting';
      refusing.close();
      server?.close();
      await broker?.close();
    },
  };
}

function who({ clientId, access }: DeviceConnection): string {
  const client = `client ${clientId.slice(0, 64) || '(not yet connected)'}`;
  return access?.username === undefined ? client : `user ${access.username} (${client})`;
}

interface Notices {
  readonly forbidden: number;
  readonly undelivered: number;
  readonly turnedAway: number;
  readonly notTaken: number;
  readonly fellBehind: number;
}

function describe(clients: number, refusing: boolean, notices: Notices, broken: number): string {
  return [
    `${clients} connected`,
    refusing && 'refusing connections, the buffer is full',
    notices.forbidden > 0 && `${notices.forbidden} messages to topics their sender may not use`,
    broken > 0 && `${broken} connections closed that broke the protocol`,
    notices.turnedAway > 0 && `${notices.turnedAway} connections beyond maxClients`,
    notices.notTaken > 0 && `${notices.notTaken} connections that the system could not hand over`,
    notices.fellBehind > 0 && `${notices.fellBehind} connections cut off that did not read what was sent to them`,
    notices.undelivered > 0 && `${notices.undelivered} messages not kept for subscribers`,
  ]
    .filter((part) => part !== false)
    .join('; ');
}

function tlsOptions({ cert, key, clientCa, clientCertificates }: NonNullable<MqttOptions['tls']>): TlsOptions {
  const clients = clientCa !== undefined && {
    ca: clientCa,
    requestCert: true,
    rejectUnauthorized: clientCertificates !== 'optional',
  };
  return { cert, key, minVersion: 'TLSv1.2', handshakeTimeout: HANDSHAKE_WITHIN_MS, ...clients };
}

/** @throws HeadwaterError `MQTT_PORT` */
async function listen(server: Server, { host, port }: MqttOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.on('error', reject);
  server.listen(port, host, resolve);
  try {
    await promise;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'EADDRINUSE' ? 'another program holds it' : (error as Error).message;
    const message = `the MQTT broker cannot listen on ${host}:${port}: ${why}. Choose another inputs.mqtt.port, or end that program.`;
    throw new HeadwaterError('MQTT_PORT', message, { cause: error });
  }
}
