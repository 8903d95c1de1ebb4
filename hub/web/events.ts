import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Frame } from './frames.ts';

/**
 * Server-sent events to many pages.
 *
 * - Every client gets every frame once and in order, or is told (`snapshot`) that it missed some and must load what it shows again.
 * - A client that reads slowly costs no memory: frames wait in one ring shared by all, not in its socket.
 * - One that does not read at all is cut off; a browser then connects again by itself.
 */
export interface Events {
  publish(frame: Frame): void;
  /** Streams to a response whose head is not yet written. `lastEventId` is what the browser had seen before it lost the connection. */
  connect(response: ServerResponse, headers: Record<string, string>, lastEventId: string | undefined): void;
  count(): number;
  close(): void;
}

interface Client {
  readonly response: ServerResponse;
  /** Number of the next frame it wants. */
  next: number;
  blockedAt: number | undefined;
}

export interface EventsOptions {
  readonly clock: () => number;
  /** Frames kept for clients that fell behind or come back. */
  readonly keep?: number;
  readonly keepBytes?: number;
}

const STALLED_MS = 20_000;
const BEAT_MS = 10_000;

export function openEvents({ clock, keep = 300, keepBytes = 4_000_000 }: EventsOptions): Events {
  // A server started anew numbers from 1 again: its clients must be able to tell.
  const life = randomBytes(4).toString('hex');
  const clients = new Set<Client>();
  let ring: string[] = [];
  let ringBytes = 0;
  /** Number of the first frame in the ring. */
  let first = 1;
  const end = () => first + ring.length;

  function write(client: Client, text: string): void {
    if (!client.response.write(text)) client.blockedAt = clock();
  }

  function deliver(client: Client): void {
    if (client.next < first) {
      client.next = end();
      write(client, `event: snapshot\nid: ${life}-${end() - 1}\ndata: {}\n\n`);
    }
    while (client.next < end() && client.blockedAt === undefined) {
      write(client, ring[client.next - first]!);
      client.next += 1;
    }
  }

  const beat = setInterval(() => {
    for (const client of clients) {
      // A comment, so that a connection that is dead and idle is noticed.
      if (client.blockedAt === undefined) write(client, ':\n\n');
      else if (clock() - client.blockedAt > STALLED_MS) client.response.destroy();
    }
  }, BEAT_MS);

  return {
    publish(frame) {
      const text = `id: ${life}-${end()}\ndata: ${JSON.stringify(frame)}\n\n`;
      ring.push(text);
      ringBytes += text.length;
      while (ring.length > keep || (ringBytes > keepBytes && ring.length > 1)) {
        ringBytes -= ring.shift()!.length;
        first += 1;
      }
      for (const client of clients) if (client.blockedAt === undefined) deliver(client);
    },
    connect(response, headers, lastEventId) {
      response.writeHead(200, { ...headers, 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      const [lastLife, last] = lastEventId?.split('-') ?? [];
      const client: Client = { response, next: lastLife === life ? Number(last) + 1 || 0 : 0, blockedAt: undefined };
      // Numbers it cannot have seen, as after a forged header.
      if (client.next > end()) client.next = 0;
      clients.add(client);
      response.on('close', () => clients.delete(client));
      response.on('drain', () => {
        client.blockedAt = undefined;
        deliver(client);
      });
      write(client, 'retry: 1000\n\n');
      deliver(client);
    },
    count: () => clients.size,
    close() {
      clearInterval(beat);
      for (const client of clients) client.response.end();
      clients.clear();
      ring = [];
    },
  };
}
