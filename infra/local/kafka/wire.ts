import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';

/**
 * As much of Kafka's binary protocol as starting a cluster takes: one request, one answer, over TLS. Programs talk to
 * Kafka through the room `kafka/`; this exists because a client library can neither add users nor ask a single broker.
 */
export interface Wire {
  request(api: Api, body: Buffer): Promise<Reader>;
  close(): void;
}

export interface Api {
  readonly key: number;
  readonly version: number;
  /** Newer versions of a request end every header and structure with tagged fields. */
  readonly flexible: boolean;
}

const CLIENT_ID = 'headwater-local';
const TIMEOUT_MS = 5_000;

export async function openWire(port: number, tls: ConnectionOptions): Promise<Wire> {
  const socket = connectTls({ host: '127.0.0.1', port, ...tls });
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`no answer from 127.0.0.1:${port}`)));
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
  });
  let correlation = 0;
  return {
    async request(api, body) {
      correlation += 1;
      const header = new Writer().int16(api.key).int16(api.version).int32(correlation).string(CLIENT_ID);
      if (api.flexible) header.noTags();
      const frame = Buffer.concat([header.bytes(), body]);
      const answer = nextFrame(socket);
      socket.write(Buffer.concat([new Writer().int32(frame.length).bytes(), frame]));
      const reader = new Reader(await answer);
      reader.int32(); // The correlation id: with one request at a time it can only be ours.
      if (api.flexible) reader.skipTags();
      return reader;
    },
    close: () => socket.destroy(),
  };
}

function nextFrame(socket: TLSSocket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const done = (finish: () => void) => {
      socket.off('data', onData).off('error', onError).off('close', onClose);
      finish();
    };
    const onData = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
        done(() => resolve(received.subarray(4)));
      }
    };
    const onError = (error: Error) => done(() => reject(error));
    const onClose = () => done(() => reject(new Error('the broker closed the connection')));
    socket.on('data', onData).on('error', onError).on('close', onClose);
  });
}

export class Writer {
  readonly #parts: Buffer[] = [];

  bytes = (): Buffer => Buffer.concat(this.#parts);

  raw(part: Buffer): this {
    this.#parts.push(part);
    return this;
  }
  int8 = (value: number) => this.raw(Buffer.from([value]));
  int16(value: number): this {
    const part = Buffer.alloc(2);
    part.writeInt16BE(value);
    return this.raw(part);
  }
  int32(value: number): this {
    const part = Buffer.alloc(4);
    part.writeInt32BE(value);
    return this.raw(part);
  }
  string(value: string): this {
    const text = Buffer.from(value);
    return this.int16(text.length).raw(text);
  }
  blob = (value: Buffer) => this.int32(value.length).raw(value);
  varint(value: number): this {
    for (; value > 0x7f; value >>>= 7) this.int8((value & 0x7f) | 0x80);
    return this.int8(value);
  }
  compact(value: string | Buffer): this {
    const part = Buffer.from(value as string);
    return this.varint(part.length + 1).raw(part);
  }
  noTags = () => this.varint(0);
}

export class Reader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  #take(length: number): Buffer {
    this.#at += length;
    return this.#buffer.subarray(this.#at - length, this.#at);
  }
  int16 = () => this.#take(2).readInt16BE();
  int32 = () => this.#take(4).readInt32BE();
  string(): string | undefined {
    const length = this.int16();
    return length < 0 ? undefined : this.#take(length).toString();
  }
  blob = (): Buffer => this.#take(Math.max(0, this.int32()));
  varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#take(1).readUInt8();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
  compact(): string | undefined {
    const length = this.varint() - 1;
    return length < 0 ? undefined : this.#take(length).toString();
  }
  array = <T>(length: number, read: () => T): T[] => Array.from({ length }, read);
  skipTags(): void {
    for (let left = this.varint(); left > 0; left--) {
      this.varint();
      this.#take(this.varint());
    }
  }
}
