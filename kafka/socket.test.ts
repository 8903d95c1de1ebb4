import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { openAuthority } from '../infra/local/index.ts';
import { socketFactory } from './socket.ts';

/** Accepts connections, and does nothing with them. */
async function listen() {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted: Socket[] = [];
  server.on('connection', (socket) => accepted.push(socket));
  onTestFinished(() => {
    for (const its of accepted) its.destroy();
    server.close();
  });
  const connect = async (ssl: object, onConnect: () => void) => {
    const { port } = server.address() as AddressInfo;
    const socket = socketFactory()({ host: '127.0.0.1', port, ssl, onConnect });
    socket.on('error', () => {});
    const [its] = await once(server, 'connection');
    return { socket, its: its as Socket };
  };
  return connect;
}

test('a connection that is given up is freed, though the other side hangs and never answers', async () => {
  const connect = await listen();
  const { socket, its } = await connect({}, () => expect.fail('nobody answered'));
  its.resume();
  socket.end();
  await once(socket, 'close');
});

test('a connection that is made after it was given up is not told of: it can be written to no more', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-socket-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const authority = await openAuthority(dir);
  const broker = createTlsServer(await authority.issue({ name: 'broker', ips: ['127.0.0.1'], server: true }));
  const connect = await listen();
  let made = 0;
  const { socket, its } = await connect({ ca: [authority.ca] }, () => made++);
  socket.end();
  const shaken = once(socket, 'secureConnect');
  broker.emit('connection', its);
  await shaken;
  expect(made).toBe(0);
});
