import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { heldReceive } from '../input.contract.ts';
import { serialInput } from './input.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function listen(port = 0): Promise<{ server: Server; port: number; socket: Promise<Socket> }> {
  const { promise: socket, resolve } = Promise.withResolvers<Socket>();
  const server = createServer(resolve);
  await new Promise<void>((listening) => server.listen(port, '127.0.0.1', listening));
  closers.push(async () => void server.close());
  return { server, port: (server.address() as { port: number }).port, socket };
}

async function open(path: string, acknowledge = true) {
  const input = serialInput({ path, baudRate: 9_600, framing: 'lines', acknowledge });
  const held = heldReceive();
  await input.start(held.receive);
  closers.push(() => input.close());
  return { input, ...held };
}

test('noise, half lines and long lines are handed over, and the next good line is read', async () => {
  const { port, socket } = await listen();
  const { messages } = await open(`tcp://127.0.0.1:${port}`);
  (await socket).write(`\x00\xff\x80half{"devi\n${'x'.repeat(5_000)}\n{"device":"d","values":{"x":1}}\n`);
  await vi.waitFor(() => expect(messages).toHaveLength(3));
  expect(messages.map((message) => message.problem?.code)).toEqual(['NOT_JSON', 'LINE_TOO_LONG', undefined]);
  expect(messages[1]?.payload).toHaveLength(1_024);
});

test('a port that comes late, goes and comes back is read again', async () => {
  const { server, port, socket } = await listen();
  const { messages, input } = await open(`tcp://127.0.0.1:${port}`);
  const first = await socket;
  first.write('{"device":"d","values":{"x":1}}\n{"device":"d","val');
  await vi.waitFor(() => expect(messages).toHaveLength(1));
  server.close();
  first.destroy();
  await vi.waitFor(() => expect(input.status().state).toBe('waiting'));
  expect(input.status().detail).toContain('trying again');

  const again = await listen(port);
  (await again.socket).write('{"device":"d","values":{"x":2}}\n');
  await vi.waitFor(() => expect(messages).toHaveLength(2));
  expect(messages[1]?.payload.toString()).toBe('{"device":"d","values":{"x":2}}');
});

test('a device file that does not exist is waited for', async () => {
  const { input } = await open('/dev/headwater-no-such-port');
  await vi.waitFor(() => expect(input.status().detail).toMatch(/no such file.*trying again/i));
  expect(input.status().state).toBe('waiting');
});

test('answers no frame that the buffer refused, and counts as lost what has no frame', async () => {
  const { port, socket } = await listen();
  const { messages, answer, input } = await open(`tcp://127.0.0.1:${port}`);
  const device = await socket;
  let received = '';
  device.on('data', (data) => {
    received += data;
  });
  for (const n of [1, 2]) device.write(`{"device":"d","boot":"aa","n":${n},"values":{"x":1}}\n`);
  device.write('{"device":"d","values":{"x":1}}\n');
  await vi.waitFor(() => expect(messages).toHaveLength(3));
  answer('refused');
  answer('stored');
  answer('refused');
  await vi.waitFor(() => expect(received).toBe('ACK aa 2\n'));
  await vi.waitFor(() => expect(input.status().lost).toBe(1));
});

test('does not answer a port that is not to be answered', async () => {
  const { port, socket } = await listen();
  const { messages, answer, input } = await open(`tcp://127.0.0.1:${port}`, false);
  const device = await socket;
  device.on('data', () => expect.fail('the gateway wrote to the port'));
  device.write(
    '{"device":"d","boot":"aa","n":1,"values":{"x":1}}\n{"device":"d","boot":"aa","n":2,"values":{"x":1}}\n',
  );
  await vi.waitFor(() => expect(messages).toHaveLength(2));
  answer('stored');
  answer('refused');
  await vi.waitFor(() => expect(input.status().lost).toBe(1));
});

test('stops reading while too much waits for the disk, and goes on after', async () => {
  const { port, socket } = await listen();
  const { messages, answer } = await open(`tcp://127.0.0.1:${port}`);
  const device = await socket;
  for (let n = 0; n < 50_000; n++) device.write(`{"device":"d","values":{"x":${n}}}\n`);
  await vi.waitFor(() => expect(messages.length).toBeGreaterThan(255));
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(messages.length).toBeLessThan(10_000);
  let answered = 0;
  await vi.waitFor(
    () => {
      for (; answered < messages.length; answered++) answer('stored');
      expect(messages).toHaveLength(50_000);
    },
    { interval: 1 },
  );
});
