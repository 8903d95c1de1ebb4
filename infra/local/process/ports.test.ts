import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { freePorts, holderOf, isFree } from './ports.ts';

test('free ports are different, free, and none of those to avoid', async () => {
  const first = await freePorts(20);
  const second = await freePorts(20, first);
  expect(new Set([...first, ...second]).size).toBe(40);
  expect(await isFree(second[0]!)).toBe(true);
});

test('a taken port is seen and its holder named', async () => {
  const [port] = (await freePorts(1)) as [number];
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  expect(await isFree(port)).toBe(false);
  expect(holderOf(port)).toContain(`pid ${process.pid} (`);
  await new Promise((resolve) => server.close(resolve));
});
