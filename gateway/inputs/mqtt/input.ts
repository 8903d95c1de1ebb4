import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Aedes, Client } from 'aedes';
import { HeadwaterError } from '../../../contract/index.ts';
import type { Input, InputStatus, Receive } from '../input.ts';
import { type Accounts, checkPassword } from './accounts.ts';
import { openBroker, type Published } from './broker.ts';

export interface MqttOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** PEM texts; with them the port speaks TLS only. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Undefined lets everybody in. */
  readonly accounts?: Accounts;
  readonly maxClients: number;
  readonly onClientError?: (client: string, error: Error) => void;
}

export interface MqttInput extends Input {
  /** The port it listens on, once started. */
  readonly port: number;
  /** Where devices reach it, such as `mqtt://127.0.0.1:1883`. */
  readonly url: string;
}

/** How long nobody is let in after the buffer refused a message; doubled while it goes on refusing. */
const FIRST_REFUSAL_MS = 1_000;
const LAST_REFUSAL_MS = 30_000;

/**
 * Numbered frames of one connection that may be on their way to the disk. When the buffer refuses one and takes later ones, the device sends it
 * again, and by then the buffer must still tell it from a repeat: it remembers which of the last 64 frames of a device it has.
 */
const MAX_FRAMES = 64;

/** One connection of a device. */
interface Session {
  /** Numbered frames handed over and not yet on disk. */
  frames: number;
  /** A message was refused: the connection is about to end, and nothing more is taken from it. */
  refused: boolean;
  /** Messages that wait for frames before them. */
  readonly held: (() => void)[];
}

/** MQTT 3.1.1 devices, through a broker of the gateway's own. */
export function mqttInput(options: MqttOptions): MqttInput {
  const counts = { messages: 0, lost: 0 };
  let state: InputStatus['state'] = 'waiting';
  let server: Server | undefined;
  let broker: Aedes | undefined;
  let refusalMs = FIRST_REFUSAL_MS;
  let refusingUntil = 0;
  const sessions = new WeakMap<Client, Session>();

  function publish(receive: Receive, message: Published): Promise<boolean> {
    counts.messages++;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const session = sessionOf(message.client);
    const take = () => resolve(session.refused ? false : handOver(receive, message, session));
    if (session.frames < MAX_FRAMES) take();
    else session.held.push(take);
    return promise;
  }

  async function handOver(receive: Receive, message: Published, session: Session): Promise<boolean> {
    const { client, topic, payload, qos, packetId, dup } = message;
    const packet = client === null || packetId === undefined ? undefined : { client: client.id, packetId, dup };
    const { id, outcome } = receive({ source: 'mqtt', topic, payload, ...(packet && { packet }) });
    const frames = id?.kind === 'frame' ? 1 : 0;
    session.frames += frames;
    const refused = (await outcome) === 'refused';
    session.frames -= frames;
    if (refused && qos > 0) session.refused = true;
    while (session.frames < MAX_FRAMES && session.held.length > 0) session.held.shift()!();
    if (!refused) refusalMs = FIRST_REFUSAL_MS;
    else if (qos > 0) refuse();
    else counts.lost++;
    return !refused || qos === 0;
  }

  function sessionOf(client: Client | null): Session {
    const known = client === null ? undefined : sessions.get(client);
    if (known) return known;
    const session = { frames: 0, refused: false, held: [] };
    if (client !== null) sessions.set(client, session);
    return session;
  }

  function refuse(): void {
    if (performance.now() < refusingUntil) return;
    refusingUntil = performance.now() + refusalMs;
    refusalMs = Math.min(refusalMs * 2, LAST_REFUSAL_MS);
  }

  async function authenticate(username: string | undefined, password: Buffer | undefined): Promise<'welcome' | 3 | 4> {
    if (performance.now() < refusingUntil) return 3;
    if (options.accounts === undefined) return 'welcome';
    if (username === undefined || password === undefined) return 4;
    return (await checkPassword(options.accounts, username, password)) ? 'welcome' : 4;
  }

  return {
    name: 'mqtt',
    get port() {
      const address = server?.address();
      return typeof address === 'object' && address !== null ? address.port : options.port;
    },
    get url() {
      const host = options.host.includes(':') ? `[${options.host}]` : options.host;
      return `${options.tls ? 'mqtts' : 'mqtt'}://${host}:${this.port}`;
    },
    async start(receive) {
      const opened = await openBroker({
        authenticate,
        publish: (message) => publish(receive, message),
        onClientError: options.onClientError ?? (() => {}),
      });
      broker = opened;
      const onConnection = (socket: Socket) => void opened.handle(socket);
      server = options.tls
        ? createTlsServer({ ...options.tls, minVersion: 'TLSv1.2' }, onConnection)
        : createServer({ noDelay: true }, onConnection);
      server.maxConnections = options.maxClients;
      await listen(server, options);
      state = 'ok';
    },
    status() {
      const clients = broker?.connectedClients ?? 0;
      const refusing = performance.now() < refusingUntil;
      const detail = `${clients} connected${refusing ? '; refusing connections, the buffer is full' : ''}`;
      return { state: refusing ? 'waiting' : state, detail, ...counts };
    },
    async close() {
      state = 'waiting';
      server?.close();
      await new Promise<void>((resolve) => (broker ? broker.close(resolve) : resolve()));
    },
  };
}

/** @throws HeadwaterError `MQTT_PORT` */
async function listen(server: Server, { host, port }: MqttOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
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
