import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { lock, tryLock, waitForLock } from './lock.ts';
import { startProcess } from './process.ts';

const dir = mkdtempSync(join(tmpdir(), 'headwater-lock-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('a lock has one holder, also within a process, and can be taken again once released', () => {
  const path = join(dir, 'one');
  const first = tryLock(path);
  expect(tryLock(path)).toBeUndefined();
  first?.release();
  lock(path, dir).release();
});

test('another process is refused by name, and a holder killed by kill -9 leaves nothing behind', async () => {
  const path = join(dir, 'two');
  const holder = await startProcess({
    name: 'holder',
    command: process.execPath,
    args: [
      '-e',
      `import('${new URL('lock.ts', import.meta.url).href}').then(({ lock }) => {
        globalThis.held = lock('${path}', 'it');
        console.log('held');
        setInterval(() => {}, 1000);
      })`,
    ],
    readyWhen: (line) => line === 'held',
  });
  expect(() => lock(path, 'the folder')).toThrow(`the folder is in use by process ${holder.pid}`);
  const waiting: string[] = [];
  const taken = waitForLock(path, (pid) => waiting.push(pid));
  holder.kill('SIGKILL');
  (await taken).release();
  expect(waiting).toEqual([String(holder.pid)]);
});
