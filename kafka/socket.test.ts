import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { socketFactory } from './socket.ts';

test('a connection that is given up is freed, though the other side hangs and never answers', async () => {
  const accepted: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => accepted.push(socket.resume())).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const socket = socketFactory()({ host: '127.0.0.1', port, ssl: {}, onConnect: () => expect.fail('nobody answered') });
  socket.on('error', () => {});
  await once(server, 'connection');
  socket.end();
  await once(socket, 'close');
  for (const its of accepted) its.destroy();
  server.close();
});
