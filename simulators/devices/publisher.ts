import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { encodeConnect, encodePublish, PINGREQ, parseAnswers } from './wire.ts';

// A device's side of MQTT 3.1.1, QoS 1, as the standard wants it: what was sent and not acknowledged is sent again on the next connection,
// in order, with its packet id and DUP. The package `mqtt` sends again without DUP and one message at a time, so it cannot stand for such a
// device; the gateway's own tests use it as the other kind.

export interface PublisherOptions {
  /** `mqtt://host:port`, or `mqtts://…` with `ca`. */
  readonly url: string;
  readonly clientId: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** PEM of the authority that signed the broker's certificate. */
  readonly ca?: string | undefined;
}

export interface Outgoing {
  readonly topic: string;
  /** Asked for at the first sending; a repeat carries the same bytes. */
  payload(): Buffer;
  /** The message is on its way for the first time. */
  sent(): void;
  acknowledged(): void;
  /** The store was full and this was the oldest message in it that had not been sent. */
  givenUp(): void;
}

export interface Publisher {
  publish(message: Outgoing): void;
  /** Messages not acknowledged. */
  pending(): number;
  close(): void;
}

const IN_FLIGHT = 100;
const CAPACITY = 100_000;
const KEEPALIVE_S = 30;
const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 5_000;

interface Sent {
  readonly message: Outgoing;
  readonly bytes: Buffer;
}

export function openPublisher(options: PublisherOptions): Publisher {
  /** Sent and not acknowledged, by packet id, oldest first. */
  const inFlight = new Map<number, Sent>();
  let waiting: Outgoing[] = [];
  let lastId = 0;
  let socket: Socket | undefined;
  let welcome = false;
  let retryMs = FIRST_RETRY_MS;
  let retry: NodeJS.Timeout | undefined;
  let closed = false;
  let heardAt = 0;

  function open(): void {
    const opened = dial(options);
    socket = opened;
    let rest: Buffer<ArrayBufferLike> = Buffer.alloc(0);
    opened.on('data', (data: Buffer) => {
      heardAt = performance.now();
      rest = parseAnswers(rest.length === 0 ? data : Buffer.concat([rest, data]), {
        connack: (code) => (code === 0 ? start(opened) : opened.destroy()),
        puback: settle,
        unknown: () => opened.destroy(),
      });
      pump();
    });
    opened.on('error', () => {});
    opened.once('close', () => {
      if (socket !== opened) return;
      socket = undefined;
      welcome = false;
      if (closed) return;
      retry = setTimeout(open, retryMs);
      retryMs = Math.min(retryMs * 2, LAST_RETRY_MS);
    });
    opened.write(encodeConnect({ ...options, keepaliveS: KEEPALIVE_S }));
  }

  function start(opened: Socket): void {
    welcome = true;
    retryMs = FIRST_RETRY_MS;
    for (const [id, { message, bytes }] of inFlight) opened.write(encodePublish(message.topic, bytes, id, true));
  }

  function settle(id: number): void {
    const sent = inFlight.get(id);
    inFlight.delete(id);
    sent?.message.acknowledged();
  }

  function pump(): void {
    if (!welcome || waiting.length === 0) return;
    const going = waiting.splice(0, IN_FLIGHT - inFlight.size);
    const packets = going.map((message) => {
      const bytes = message.payload();
      message.sent();
      do lastId = (lastId % 65_535) + 1;
      while (inFlight.has(lastId));
      inFlight.set(lastId, { message, bytes });
      return encodePublish(message.topic, bytes, lastId, false);
    });
    if (packets.length > 0) socket?.write(Buffer.concat(packets));
  }

  const ping = setInterval(
    () => {
      if (!welcome) return;
      if (performance.now() - heardAt > KEEPALIVE_S * 1_500) socket?.destroy();
      else socket?.write(PINGREQ);
    },
    (KEEPALIVE_S * 1_000) / 2,
  );
  open();

  return {
    publish(message) {
      if (waiting.length >= CAPACITY) waiting.shift()?.givenUp();
      waiting.push(message);
      pump();
    },
    pending: () => inFlight.size + waiting.length,
    close() {
      closed = true;
      clearTimeout(retry);
      clearInterval(ping);
      waiting = [];
      socket?.destroy();
    },
  };
}

function dial({ url, ca }: PublisherOptions): Socket {
  const { protocol, hostname: host, port } = new URL(url);
  if (protocol === 'mqtts:') return connectTls({ host, port: Number(port || 8883), ...(ca !== undefined && { ca }) });
  return connect({ host, port: Number(port || 1883), noDelay: true });
}
