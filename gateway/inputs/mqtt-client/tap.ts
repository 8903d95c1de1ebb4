import { Duplex } from 'node:stream';
import { PacketReader, type Publish } from './packets.ts';

export interface TapHandlers {
  publish(packet: Publish): void;
  pubrel(packetId: number): void;
  connack(code: number): void;
}

/**
 * A connection from which the messages are taken out on their way to the MQTT client: what comes out of it is everything else (answers to
 * CONNECT, SUBSCRIBE, pings). Acknowledgements are written into it, between the packets of the client, when the disk has the messages.
 */
export class Tap extends Duplex {
  readonly #socket: Duplex;

  /** `version`: of the protocol, 4 for MQTT 3.1.1. The tap owns the socket. */
  constructor(socket: Duplex, version: 4 | 5, handlers: TapHandlers) {
    super();
    this.#socket = socket;
    const reader = new PacketReader(version, { ...handlers, other: (bytes) => this.push(Buffer.from(bytes)) });
    socket.on('data', (chunk: Buffer) => {
      if (this.destroyed) return;
      try {
        reader.read(chunk);
      } catch (error) {
        this.destroy(error as Error);
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
