import { afterEach, expect, test, vi } from 'vitest';
import { checkMachine } from './doctor.ts';

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
