import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

/**
 * Node strips the types with a parser of its own, and refuses things that the compiler and the test runner take: a loop over a variable called `of` kept
 * every hub from starting.
 */
test('Node can read every source file', () => {
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const args = ['--experimental-vm-modules', '--no-warnings', 'test/support/node-reads.ts'];
  expect(JSON.parse(execFileSync(process.execPath, args, { cwd, encoding: 'utf8' }))).toEqual([]);
});
