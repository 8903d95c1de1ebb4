import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ensureProgram, findProgram, programPath } from './build.ts';
import type { Recipe } from './recipes.ts';
import { requireGo } from './toolchain.ts';

const hasGo = await requireGo().then(
  () => true,
  () => false,
);
let dir: string;
let cacheDir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'headwater-build-'));
  cacheDir = join(dir, 'cache');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function recipe(source: string, title = 'Hello'): Recipe {
  const sources = join(dir, 'sources');
  mkdirSync(sources, { recursive: true });
  writeFileSync(join(sources, 'go.mod'), 'module headwater/hello\n\ngo 1.24\n');
  writeFileSync(join(sources, 'main.go'), source);
  const rest = { tags: [], ldflags: '', rust: false, cost: 'a moment', check: [] };
  return { name: 'hello', title, version: '1.0', sources, target: '.', ...rest };
}
const HELLO = 'package main\n\nfunc main() { println("hello") }\n';
const partials = () => readdirSync(cacheDir).filter((name) => name.endsWith('.partial'));

test.runIf(hasGo)('a program is built once, also for two who want it at the same time', async () => {
  const hello = recipe(HELLO);
  const told: string[] = [];
  expect(findProgram(hello, cacheDir)).toBeUndefined();
  const options = { cacheDir, onProgress: (text: string) => void told.push(text) };
  const paths = await Promise.all([ensureProgram(hello, options), ensureProgram(hello, options)]);
  expect(new Set(paths)).toEqual(new Set([programPath(hello, cacheDir)]));
  expect(findProgram(hello, cacheDir)).toBe(paths[0]);
  expect(told.filter((text) => text.startsWith('building'))).toHaveLength(1);
  // Not even Go is asked for once it is there.
  await ensureProgram(hello, { cacheDir, env: { PATH: '/nonexistent' } });
  expect(partials()).toEqual([]);
});

test.runIf(hasGo)('other sources make another program', async () => {
  const first = programPath(recipe(HELLO), cacheDir);
  expect(programPath(recipe(HELLO.replace('hello', 'hallo')), cacheDir)).not.toBe(first);
});

test.runIf(hasGo)('what does not compile leaves nothing behind, and the compiler’s words are told', async () => {
  const broken = recipe('package main\n\nfunc main() { what }\n');
  await expect(ensureProgram(broken, { cacheDir })).rejects.toMatchObject({
    code: 'BUILD_FAILED',
    details: expect.arrayContaining([expect.stringContaining('undefined: what')]),
  });
  expect(findProgram(broken, cacheDir)).toBeUndefined();
  expect(partials()).toEqual([]);
});

test.runIf(hasGo)('a program that was built but does not run is not kept', async () => {
  const failing = recipe('package main\n\nimport "os"\n\nfunc main() { os.Exit(3) }\n');
  await expect(ensureProgram(failing, { cacheDir })).rejects.toMatchObject({ code: 'BUILD_FAILED' });
  expect(findProgram(failing, cacheDir)).toBeUndefined();
});

test.runIf(hasGo)('a build that is killed leaves nothing half-made, and the next one goes through', async () => {
  const hello = recipe(HELLO);
  const script = `
    import { ensureProgram } from ${JSON.stringify(new URL('./build.ts', import.meta.url).href)};
    await ensureProgram(${JSON.stringify(hello)}, { cacheDir: ${JSON.stringify(cacheDir)}, onProgress: console.log });
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  expect(findProgram(hello, cacheDir)).toBeUndefined();
  await ensureProgram(hello, { cacheDir });
  expect(findProgram(hello, cacheDir)).toBeDefined();
  expect(partials()).toEqual([]);
});

test('a machine without Go is told what to install', async () => {
  await expect(ensureProgram(recipe(HELLO), { cacheDir, env: { PATH: '/nonexistent' } })).rejects.toMatchObject({
    code: 'GO_MISSING',
  });
});
