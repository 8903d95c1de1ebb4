import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import type { Training } from '../kafka/archive.ts';
import { connectRuntime } from './runtime.ts';

const dir = mkdtempSync(join(tmpdir(), 'headwater-training-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const closed = vi.hoisted((): string[] => []);
vi.mock('../kafka/java.ts', () => ({ findJava: async () => ({}) }));
vi.mock('../kafka/artifacts.ts', () => ({ ensureKafkaArtifacts: async () => ({ dir: join(dir, 'jars'), jars: [] }) }));
vi.mock('../kafka/archive.ts', () => ({
  ensureArchive: ({ run }: Training) => run({ java: {}, jars: [] } as never, dir),
}));
vi.mock('../kafka/start.ts', () => ({ brokerRuntime: async () => ({}) }));
vi.mock('../kafka/cluster.ts', () => ({
  startCluster: async () => ({ users: new Map(), close: async () => void closed.push('kafka') }),
}));
vi.mock('../stores/ferretdb.ts', () => ({
  hasFerretDb: () => true,
  startFerretDb: async () => ({ uri: 'mongodb://127.0.0.1:1/', close: async () => void closed.push('ferretdb') }),
}));
vi.mock('./connect.ts', () => ({ startWorker: () => Promise.reject(new Error('it did not serve within 90 s')) }));

test('a worker that does not start while its classes are prepared leaves nothing behind', async () => {
  await expect(connectRuntime(dir, () => {})).rejects.toThrow('did not serve');
  expect(closed).toEqual(['ferretdb', 'kafka']);
});
