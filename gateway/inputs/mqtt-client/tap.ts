import { Duplex } from 'node:stream';
import { HeadwaterError } from '../../../contract/index.ts';
import {
  AUTH,
  CONNACK,
  PacketReader,
  PUBLISH,
  PUBREL,
  type Publish,
  readPublish,
  readPubrel,
} from '../mqtt/packets.ts';

/** Bytes of a packet that are held: a topic of any length, and a message as large as one may be. */
const MAX_HELD = 131_072;

export interface TapHandlers {
  /** `size`: bytes of the packet on the wire. Beyond 64 KiB the payload may not be all there. */
  publish(packet: Publish, size: number): void;
  /** The broker's last word on a message of QoS 2. */
  pubrel(packetId: number): void;
  /** Code of the broker's answer to CONNECT. */
  connack(code: number): void;
}

/**
 * A connection from which the messages are taken out on their way to the MQTT client: what comes out of it is everything else (answers to
 * CONNECT, SUBSCRIBE, pings). Acknowledgements are written into it, between the packets of the client, when the disk has the messages.
 */
export class Tap extends Duplex {
  readonly #socket: Duplex;
  readonly #version: 4 | 5;
  readonly #handlers: TapHandlers;
  readonly #reader = new PacketReader(MAX_HELD);
  #begun = false;

  /** `version`: of the protocol, 4 for MQTT 3.1.1. The tap owns the socket. Ends with `MQTT_MALFORMED` where something else is spoken. */
  constructor(socket: Duplex, version: 4 | 5, handlers: TapHandlers) {
    super();
    this.#socket = socket;
    this.#version = version;
    this.#handlers = handlers;
    socket.on('data', (chunk: Buffer) => {
      if (this.destroyed) return;
      try {
        this.#take(chunk);
      } catch (error) {
        this.destroy(malformed((error as Error).message));
      }
    });
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  /** Nothing more is read from the socket until `resumeReading`. */
  pauseReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  #take(chunk: Buffer): void {
    if (!this.#begun) {
      // Something else than a broker would otherwise be waited for to end its first packet.
      const type = chunk[0]! >> 4;
      if (type !== CONNACK && type !== AUTH) throw new Error('it does not begin as a broker does');
      this.#begun = true;
    }
    const reader = this.#reader;
    reader.push(chunk);
    while (reader.next()) this.#dispatch(reader);
  }

  /** @throws PacketError */
  #dispatch(reader: PacketReader): void {
    const type = reader.head >> 4;
    const { bytes, start, body, end, size } = reader;
    if (type === PUBLISH) {
      const message = readPublish(reader, this.#version);
      if (message.topic === '') throw new Error('a PUBLISH without a topic');
      this.#handlers.publish(message, size);
    } else if (size > end - start) {
      throw new Error(`a packet of type ${type} with ${size} bytes`);
    } else if (type === PUBREL) {
      this.#handlers.pubrel(readPubrel(reader, this.#version));
    } else {
      if (type === CONNACK) this.#handlers.connack(bytes[body + 1] ?? 0);
      this.push(Buffer.from(bytes.subarray(start, end)));
    }
  }

  /** What comes out is little, and must not wait: there is nothing to hold back. */
  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#socket.write(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}

const malformed = (what: string): HeadwaterError =>
  new HeadwaterError('MQTT_MALFORMED', `the broker does not speak MQTT as it should: ${what}`, { retryable: true });
