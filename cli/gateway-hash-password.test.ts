import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { scryptSync } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { loadGatewayConfig } from '../gateway/config/index.ts';
import { openSite } from '../gateway/testing/index.ts';

const main = join(import.meta.dirname, 'main.ts');
const COMMAND = [main, 'gateway', 'hash-password'];
const run = (input: string) => spawnSync(process.execPath, COMMAND, { input, encoding: 'utf8' });

function isOf(line: string, password: string): boolean {
  const [, N, r, p, salt, hash] = /^scrypt\$(\d+)\$(\d+)\$(\d+)\$([\w+/=]+)\$([\w+/=]+)\r?\n$/.exec(line)!;
  const options = { N: Number(N), r: Number(r), p: Number(p) };
  return scryptSync(password, Buffer.from(salt!, 'base64'), 32, options).toString('base64') === hash;
}

test('a hash is made of what stands on standard input, read as a password file is, and can be configured', async () => {
  const { status, stdout, stderr } = run(' a secret \r\n');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(isOf(stdout, ' a secret')).toBe(true);
  expect(run(' a secret').stdout).not.toBe(stdout);

  await using site = await openSite();
  site.write(`  mqtt: { accounts: [{ username: pump-1, passwordHash: ${stdout.trim()} }] }`);
  expect(loadGatewayConfig(site.configFile, {}).inputs.mqtt?.accounts).toMatchObject([
    { username: 'pump-1', passwordHash: stdout.trim() },
  ]);
});

test('no password is wrong usage', () => {
  expect(run('\n')).toMatchObject({
    status: 2,
    stdout: '',
    stderr: 'headwater: there is no password on standard input\n',
  });
});

const hasScript = spawnSync('script', ['--version']).status === 0;

/** Types the answers at a terminal; gives what stood on it. */
async function type(answers: readonly string[]) {
  const line = [process.execPath, ...COMMAND].map((word) => `'${word}'`).join(' ');
  const terminal = spawn('script', ['-qec', line, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(terminal, 'exit');
  let shown = '';
  terminal.stdout.on('data', (bytes) => {
    shown += bytes;
  });
  for (const [at, answer] of answers.entries()) {
    await vi.waitFor(() => expect(shown.split(': ')).toHaveLength(at + 2), { timeout: 60_000 });
    terminal.stdin.write(answer);
  }
  const [status] = await exited;
  return { status, shown };
}

test.skipIf(!hasScript)('at a terminal it is asked for twice and not shown (needs script)', async () => {
  const { status, shown } = await type(['s3cret\r', 's3cret\r']);
  expect(status).toBe(0);
  expect(shown).not.toContain('s3cret');
  expect(isOf(/^scrypt.*\r\n/m.exec(shown)![0], 's3cret')).toBe(true);
});

test.skipIf(!hasScript)('two different passwords, or none, are wrong usage (needs script)', async () => {
  const different = await type(['one\r', 'two\r']);
  expect(different.status).toBe(2);
  expect(different.shown).toContain('that was not the same password');
  const none = await type(['\x04']);
  expect(none.status).toBe(2);
  expect(none.shown).toContain('no password was typed');
});

test('its help has an example', () => {
  const help = execFileSync(process.execPath, [...COMMAND, '--help'], { encoding: 'utf8' });
  expect(help).toContain('headwater gateway hash-password < pump-1.password');
});
