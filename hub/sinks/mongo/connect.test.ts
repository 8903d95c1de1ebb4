import { afterEach, expect, test, vi } from 'vitest';
import { connectClient } from './connect.ts';

afterEach(() => vi.unstubAllGlobals());

test('an address may end with a slash', async () => {
  const asked = vi.fn(async (_: URL) => new Response('{}'));
  vi.stubGlobal('fetch', asked);
  await connectClient({ url: 'http://connect:8083/' }).statuses();
  await connectClient({ url: 'http://proxy/connect' }).statuses();
  expect(asked.mock.calls.map(([url]) => url.href)).toEqual([
    'http://connect:8083/connectors?expand=status',
    'http://proxy/connect/connectors?expand=status',
  ]);
});

test.each(['<html>Welcome to nginx!</html>', '{"error":"who are you?"}', '{"a":null}'])(
  'a program that answers %s is not taken for a Connect without connectors',
  async (body) => {
    vi.stubGlobal('fetch', async () => new Response(body));
    await expect(connectClient({ url: 'http://connect:8083' }).statuses()).rejects.toMatchObject({
      code: 'CONNECT_REFUSED',
      message: expect.stringContaining('is no Kafka Connect'),
    });
  },
);
