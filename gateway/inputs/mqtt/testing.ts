import { connect, type Socket } from 'node:net';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import mqtt, { type IConnectPacket, type Packet } from 'mqtt-packet';
import { afterEach, expect, vi } from 'vitest';
import type { Outcome, Submission } from '../../buffer/index.ts';
import { Decoder } from '../decode/decode.ts';
import type { Message, Receive } from '../input.ts';
import { type MqttInput, type MqttOptions, mqttInput } from './input.ts';

export interface TestBroker {
  readonly input: MqttInput;
  readonly messages: Message[];
  /** What the decoder made of them. */
  readonly submissions: Submission[];
  /** Outcomes of the next messages; then all are stored. */
  readonly outcomes: Outcome[];
  /** A client of the mqtt library. */
  device(options?: IClientOptions): Promise<MqttClient>;
  /** A client that does exactly what the test says. */
  raw(localAddress?: string): Promise<RawClient>;
}

/** Opens embedded brokers and clients for a test file, and closes them after each test. */
export function testBrokers(): {
  open(options?: Partial<MqttOptions>, receive?: Receive): Promise<TestBroker>;
  onEnd(close: () => unknown): void;
} {
  const closers: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  async function open(options: Partial<MqttOptions> = {}, given?: Receive): Promise<TestBroker> {
    const messages: Message[] = [];
    const submissions: Submission[] = [];
    const outcomes: Outcome[] = [];
    const decoder = new Decoder({ gateway: 'gw', site: 's' });
    const input = mqttInput({ host: '127.0.0.1', port: 0, maxClients: 100, ...options });
    const receive: Receive = (message) => {
      messages.push(message);
      const submission = decoder.decode(message, Date.now());
      submissions.push(submission);
      return given?.(message) ?? { id: submission.id, outcome: Promise.resolve(outcomes.shift() ?? 'stored'), size: 0 };
    };
    await input.start(Object.assign(receive, given?.accepts && { accepts: given.accepts }));
    closers.push(() => input.close());
    return {
      input,
      messages,
      submissions,
      outcomes,
      async device(more = {}) {
        const client = await connectAsync(input.url, { reconnectPeriod: 0, ...more }, false);
        client.on('error', () => {});
        closers.push(() => client.endAsync(true));
        return client;
      },
      async raw(localAddress) {
        const client = await RawClient.open(input.port, localAddress);
        closers.push(() => client.end());
        return client;
      },
    };
  }
  return { open, onEnd: (close) => void closers.push(close) };
}

/** One socket that speaks MQTT, well or badly. */
export class RawClient {
  readonly received: Packet[] = [];
  readonly #socket: Socket;
  #closed = false;

  static async open(port: number, localAddress = '127.0.0.1'): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', localAddress }).setNoDelay(true);
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new RawClient(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    const parser = mqtt.parser({ protocolVersion: 4 });
    parser.on('packet', (packet) => this.received.push(packet));
    socket.on('data', (bytes) => parser.parse(bytes));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#closed = true;
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  send(...packets: (Packet | Buffer)[]): void {
    this.#socket.write(
      Buffer.concat(packets.map((packet) => (Buffer.isBuffer(packet) ? packet : mqtt.generate(packet)))),
    );
  }

  /** Connects and gives the CONNACK. */
  async connect(options: Partial<IConnectPacket> & { clientId: string }): Promise<Packet> {
    this.send({ protocolId: 'MQTT', protocolVersion: 4, clean: true, keepalive: 0, ...options, cmd: 'connect' });
    return this.next('connack');
  }

  publish(
    qos: 0 | 1 | 2,
    messageId: number,
    { topic = 'devices/d/x', payload = '1', dup = false, retain = false } = {},
  ): void {
    this.send({ cmd: 'publish', topic, payload, qos, messageId, dup, retain });
  }

  /** The next packet of this kind, taken out of `received`. */
  async next(cmd: Packet['cmd']): Promise<Packet> {
    return vi.waitFor(
      () => {
        const at = this.received.findIndex((packet) => packet.cmd === cmd);
        expect(at, `no ${cmd} has come`).toBeGreaterThanOrEqual(0);
        return this.received.splice(at, 1)[0]!;
      },
      { timeout: 5_000, interval: 5 },
    );
  }

  async untilClosed(): Promise<void> {
    await vi.waitFor(() => expect(this.#closed, 'the connection is still open').toBe(true), {
      timeout: 10_000,
      interval: 5,
    });
  }

  /** Reads nothing more of what the gateway sends. */
  stopReading(): void {
    this.#socket.pause();
  }

  /** Ends the connection without a DISCONNECT; resolves when the gateway has seen it. */
  async hangUp(): Promise<void> {
    this.#socket.end();
    await this.untilClosed();
  }

  /** Vanishes without a DISCONNECT. */
  end(): void {
    this.#socket.destroy();
  }
}
