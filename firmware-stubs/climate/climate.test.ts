import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

/** What climate.hex was built with (Debian 12's gcc-avr and avr-libc); another compiler makes other code of the same source. */
const COMPILER = '5.4.0';

const here = import.meta.dirname;
const out = mkdtempSync(join(tmpdir(), 'climate-'));
afterAll(() => rmSync(out, { recursive: true }));

const versionOf = (compiler: string) => spawnSync(compiler, ['-dumpversion'], { encoding: 'utf8' }).stdout?.trim();
const has = (command: string) => spawnSync(command, ['--version']).status === 0;

const canBuild = versionOf('avr-gcc') === COMPILER && has('make');
test.skipIf(!canBuild)(`the hex in the repository is what avr-gcc ${COMPILER} builds from the source`, () => {
  const hex = join(out, 'climate.hex');
  execFileSync('make', ['-s', `HEX=${hex}`], { cwd: here });
  expect(readFileSync(hex, 'utf8')).toBe(readFileSync(join(here, 'climate.hex'), 'utf8'));
});

test.skipIf(!has('gcc') || !has('make'))('window and payloads hold when compiled with gcc for this machine', () => {
  const program = join(out, 'host-test');
  execFileSync('make', ['-s', `HOST=${program}`, program], { cwd: here });
  const { status, stderr } = spawnSync(program, { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(status).toBe(0);
});
