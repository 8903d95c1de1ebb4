import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { startServer } from './server.ts';

const dir = mkdtempSync(join(tmpdir(), 'headwater-server-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const SERVES = `require('node:http').createServer((_, answer) => answer.end()).listen(process.argv[1], '127.0.0.1')`;
const server = (script: string, name: string, isServing?: (port: number) => Promise<boolean>) =>
  startServer({
    title: 'The server',
    name,
    dir: join(dir, name),
    command: (port) => ({ command: process.execPath, args: ['-e', script, String(port), join(dir, name)] }),
    isServing: isServing ?? (async (port) => (await fetch(`http://127.0.0.1:${port}`)).ok),
  });

test('one that ends just when it begins to serve has not started', async () => {
  let pid: number | undefined;
  const isServing = async (port: number) => {
    // It answers once, and is gone before the answer is heard of.
    const answer = await fetch(`http://127.0.0.1:${port}`);
    pid = Number(await answer.text());
    await expect.poll(() => isThere(pid!), { timeout: 60_000 }).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 200));
    return true;
  };
  const script = `require('node:http').createServer((_, answer) => answer.end(String(process.pid), () => process.exit(3))).listen(process.argv[1], '127.0.0.1')`;
  await expect(server(script, 'short', isServing)).rejects.toMatchObject({
    code: 'SERVER_NOT_STARTED',
    message: expect.stringContaining('it ended (exit code 3)'),
  });
});

test('one that was closed is not started again by whoever meant to', async () => {
  const started = await server(SERVES, 'closed');
  await started.close();
  await expect(started.start()).rejects.toMatchObject({ code: 'SERVER_NOT_STARTED' });
});

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
