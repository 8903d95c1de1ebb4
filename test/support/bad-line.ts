import { createServer, connect as open, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A bad line between a client and a server: forwards bytes, and does with them what a test says. */
export interface BadLine {
  readonly port: number;
  /** Where it leads; connections before that wait. */
  target: number;
  /** Connections made so far. */
  readonly connections: number;
  /** Lets nothing through and answers nothing, but goes on accepting connections. */
  freeze(): void;
  thaw(): void;
  /** At most so many bytes at a time, with so many ms between them. */
  trickle(bytes: number, ms: number): void;
  /** Undoes `trickle`. */
  flow(): void;
  /** Cuts every connection as a power failure in between would (RST). */
  cut(): void;
  /** Ends one direction of every connection only: what the client sends still arrives. */
  halfClose(): void;
  close(): void;
}

export async function openBadLine(): Promise<BadLine> {
  const pairs = new Set<{ readonly client: Socket; readonly server: Socket }>();
  let frozen = false;
  let portion: { readonly bytes: number; readonly ms: number } | undefined;
  let connections = 0;

  async function pump(from: Socket, to: Socket): Promise<void> {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length; ) {
        while (frozen) await sleep(20);
        const bytes = portion?.bytes ?? chunk.length;
        to.write(chunk.subarray(at, at + bytes));
        at += bytes;
        if (portion) await sleep(portion.ms);
      }
    }
    to.end();
  }

  const listener = createServer({ allowHalfOpen: true }, (client) => {
    connections++;
    const server = open({ host: '127.0.0.1', port: proxy.target, allowHalfOpen: true });
    const pair = { client, server };
    pairs.add(pair);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.on('error', () => to.destroy());
      from.on('close', () => pairs.delete(pair));
      pump(from, to).catch(() => to.destroy());
    }
  });
  await new Promise<void>((listening) => listener.listen(0, '127.0.0.1', listening));

  const proxy = {
    port: (listener.address() as { port: number }).port,
    target: 0,
    get connections() {
      return connections;
    },
    freeze() {
      frozen = true;
    },
    thaw() {
      frozen = false;
    },
    trickle(bytes: number, ms: number) {
      portion = { bytes, ms };
    },
    flow() {
      portion = undefined;
    },
    cut() {
      for (const { client, server } of pairs) {
        client.resetAndDestroy();
        server.destroy();
      }
    },
    halfClose() {
      for (const { client } of pairs) client.end();
    },
    close() {
      frozen = false;
      listener.close();
      proxy.cut();
    },
  };
  return proxy;
}
