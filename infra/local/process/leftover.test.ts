import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { startOf } from './identity.ts';
import { endLeftover, notePid } from './leftover.ts';
import { startProcess } from './process.ts';

const dir = mkdtempSync(join(tmpdir(), 'headwater-leftover-'));
const file = join(dir, 'node.pid');
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const startMarked = (mark: string) =>
  startProcess({ name: 'leftover', command: process.execPath, args: ['-e', 'setInterval(() => {}, 1000)', mark] });

test('the process that was noted is ended, and said so', async () => {
  const process = await startMarked(dir);
  notePid(file, process.pid);
  const said: string[] = [];
  await endLeftover(file, dir, (text) => said.push(text));
  expect(startOf(process.pid)).toBeUndefined();
  expect(said).toEqual([`ending process ${process.pid}, left over from an earlier run`]);
  expect(existsSync(file)).toBe(false);
});

test.each([
  ['another start under the same number', (pid: number) => JSON.stringify({ pid, started: 'earlier' })],
  ['another folder in its command line', (pid: number) => JSON.stringify({ pid, started: startOf(pid) })],
  ['a note cut short', () => '{"pid":'],
])('a foreign process is left alone: %s', async (why, note) => {
  const process = await startMarked(why.includes('folder') ? '/elsewhere' : dir);
  writeFileSync(file, note(process.pid));
  await endLeftover(file, dir, () => expect.fail('it spoke'));
  expect(startOf(process.pid)).toBeDefined();
  await process.stop();
});
