import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Events, openEvents } from './events.ts';
import type { Frame } from './frames.ts';

const KEPT = 20;
let events: Events;
let port: number;
let responses: ServerResponse[];
let close: () => void;

beforeEach(async () => {
  events = openEvents({ clock: Date.now, keep: KEPT, keepBytes: 10_000_000 });
  responses = [];
  const server = createServer((request, response) => {
    responses.push(response);
    events.connect(response, {}, request.headers['last-event-id'] as string | undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
  close = () => server.close();
});
afterEach(() => {
  events.close();
  close();
});

/** A frame of about a quarter of a megabyte that carries a number. */
const frame = (n: number): Frame => ({
  readings: [[`device-${n}`, 'x'.repeat(250_000), n, n]],
  anomalies: [],
  changed: [],
});

async function follow() {
  const socket = connect(port, '127.0.0.1');
  const seen: string[] = [];
  let tail = '';
  let heard = () => {};
  socket.on('data', (data) => {
    tail += data;
    const found = [...tail.matchAll(/device-(\d+)|event: (snapshot)/g)];
    for (const [, number, snapshot] of found) seen.push(number ?? snapshot!);
    // A name may be cut between two pieces: only what no name can begin in is let go.
    const last = found.at(-1);
    tail = (last ? tail.slice(last.index + last[0].length) : tail).slice(-40);
    heard();
  });
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  async function until(what: string): Promise<void> {
    while (!seen.includes(what)) {
      await new Promise<void>((resolve) => {
        heard = resolve;
      });
    }
  }
  await until('snapshot');
  return { socket, seen, until };
}

test('one that does not read holds up nobody and costs no memory; when it reads on it is told that it missed some', async () => {
  const slow = await follow();
  const quick = await follow();
  slow.socket.pause();
  for (let n = 100; n < 200; n++) {
    events.publish(frame(n));
    await quick.until(String(n));
  }
  expect(quick.seen).toEqual(['snapshot', ...Array.from({ length: 100 }, (_, i) => String(100 + i))]);
  expect(responses[0]!.writableLength).toBeLessThan(600_000);

  slow.seen.length = 0;
  slow.socket.resume();
  await slow.until('snapshot');
  events.publish(frame(200));
  await slow.until('200');
  const afterwards = slow.seen.slice(slow.seen.indexOf('snapshot') + 1);
  expect(afterwards).toEqual(['200']);
  for (const { socket } of [slow, quick]) socket.destroy();
});

test('one that was slow for a moment gets every frame once and in order', async () => {
  const page = await follow();
  page.socket.pause();
  for (let n = 100; n < 100 + KEPT; n++) events.publish(frame(n));
  page.socket.resume();
  await page.until(String(100 + KEPT - 1));
  expect(page.seen).toEqual(['snapshot', ...Array.from({ length: KEPT }, (_, i) => String(100 + i))]);
  page.socket.destroy();
});
