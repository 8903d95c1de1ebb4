import { mkdtempDisposable } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { settleLayout } from './layout.ts';

const folder = () => mkdtempDisposable(join(tmpdir(), 'headwater-layout-'));
const silent = () => expect.fail('it spoke');

test('a cluster keeps its id and its ports', async () => {
  await using dir = await folder();
  const first = await settleLayout(dir.path, 3, silent);
  expect(await settleLayout(dir.path, 3, silent)).toEqual(first);
  expect(new Set(first.nodes.flatMap(({ ports }) => Object.values(ports))).size).toBe(9);
});

test('a port that someone took meanwhile is replaced, and its holder named', async () => {
  await using dir = await folder();
  const first = await settleLayout(dir.path, 1, silent);
  const { client, replication, controller } = first.nodes[0]!.ports;
  const thief = createServer();
  await new Promise<void>((resolve) => thief.listen(client, '127.0.0.1', resolve));
  const said: string[] = [];
  const second = await settleLayout(dir.path, 1, (text) => said.push(text));
  await new Promise((resolve) => thief.close(resolve));
  expect(second.nodes[0]!.ports).toMatchObject({ replication, controller });
  expect(second.nodes[0]!.ports.client).not.toBe(client);
  expect(said).toEqual([expect.stringContaining(`port ${client} of broker 1 is taken by pid ${process.pid}`)]);
});

test('data of another number of brokers is refused', async () => {
  await using dir = await folder();
  await settleLayout(dir.path, 3, silent);
  await expect(settleLayout(dir.path, 1, silent)).rejects.toThrow(/belongs to 3 broker\(s\), not 1.*--brokers 3/);
});
