import { once } from 'node:events';
import { connect, Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { type HealthServer, startHealthServer } from './server.ts';
import type { Snapshot } from './snapshot.ts';

let server: HealthServer;
let asked = 0;
const sockets: Socket[] = [];
const errors: string[] = [];
beforeEach(async () => {
  asked = 0;
  const snapshot = async () => {
    asked++;
    await sleep(1);
    return { health: { state: 'ok', reasons: [] } } as unknown as Snapshot;
  };
  server = await startHealthServer({
    host: '127.0.0.1',
    port: 0,
    snapshot,
    onError: (error) => errors.push(error.message),
  });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.close();
});

function open(): Socket {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  socket.on('error', () => {});
  sockets.push(socket);
  return socket;
}

test('who asks without end on one connection is answered a hundred times', async () => {
  const socket = open();
  socket.resume();
  socket.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(5_000));
  await once(socket, 'close');
  expect(asked).toBeLessThanOrEqual(100);
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
});

test('connections beyond a hundred are closed, and one may come when another went', async () => {
  const held = Array.from({ length: 100 }, open);
  await Promise.all(held.map((socket) => once(socket, 'connect')));
  await expect(fetch(`${server.url}/health`)).rejects.toThrow();
  held[0]!.destroy();
  await vi.waitFor(async () => expect((await fetch(`${server.url}/health`)).status).toBe(200));
});

test('who never ends a request does not keep its connection', { timeout: 30_000 }, async () => {
  const socket = open();
  socket.resume();
  socket.write('GET /health HTTP/1.1\r\nHost:');
  await once(socket, 'close');
});

test('connections that cannot be taken are told, and those that come later are served', async () => {
  const listen = vi.spyOn(Server.prototype, 'listen');
  onTestFinished(() => listen.mockRestore());
  const snapshot = async () => ({ health: { state: 'ok', reasons: [] } }) as unknown as Snapshot;
  const other = await startHealthServer({
    host: '127.0.0.1',
    port: 0,
    snapshot,
    onError: (error) => errors.push(error.message),
  });
  onTestFinished(() => other.close());
  for (let n = 0; n < 3; n++) (listen.mock.contexts[0] as Server).emit('error', new Error('accept EMFILE'));
  expect(errors).toEqual(Array(3).fill('accept EMFILE'));
  expect((await fetch(`${other.url}/health`)).status).toBe(200);
});
