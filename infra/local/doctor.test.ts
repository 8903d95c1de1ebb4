import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { checkMachine } from './doctor.ts';
import { programPath } from './stores/build.ts';
import { FERRETDB, STORES } from './stores/recipes.ts';

afterEach(() => vi.unstubAllEnvs());
const named = async (name: string) => (await checkMachine()).find((check) => check.name === name)!;

test('what this machine has is found with its version', async () => {
  expect(await named('node')).toMatchObject({ ok: true, found: process.version });
  expect(await named('free disk')).toMatchObject({ found: expect.stringMatching(/GB$/) });
});

test('what a machine lacks comes with the commands that install it', async () => {
  vi.stubEnv('PATH', '/nonexistent');
  vi.stubEnv('JAVA_HOME', undefined);
  expect(await named('java')).toMatchObject({
    ok: false,
    found: undefined,
    install: { debian: 'sudo apt install openjdk-17-jre-headless', macos: 'brew install openjdk@17' },
  });
  expect(await named('maven')).toMatchObject({ ok: false, required: true });
  expect(await named('socat')).toMatchObject({ ok: false, required: false });
});

test('which stores were prepared is told, and how to prepare them', async () => {
  const cache = mkdtempSync(join(tmpdir(), 'headwater-doctor-'));
  vi.stubEnv('HEADWATER_CACHE', cache);
  try {
    const need = expect.stringContaining('npm run stores');
    expect(await named('stores')).toMatchObject({ ok: false, required: false, found: undefined, need });
    for (const recipe of STORES) {
      mkdirSync(dirname(programPath(recipe)), { recursive: true });
      writeFileSync(programPath(recipe), '');
      if (recipe === FERRETDB)
        expect(await named('stores')).toMatchObject({ ok: false, found: `FerretDB ${recipe.version}` });
    }
    expect(await named('stores')).toMatchObject({ ok: true, found: expect.stringContaining('InfluxDB 2.7') });
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
});
