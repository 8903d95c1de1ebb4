import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openSite, type Site } from '../gateway/testing/index.ts';

let site: Site;
let pipe: string;
let gateway: ChildProcess;
let log: string;
beforeEach(async () => {
  site = await openSite();
  site.write('  host: { every: 1h }');
  // A configuration that is read only when the test writes it: until then the gateway is starting.
  pipe = join(site.dir, 'pipe.yaml');
  execFileSync('mkfifo', [pipe]);
  log = '';
  const main = join(import.meta.dirname, 'main.ts');
  gateway = spawn(process.execPath, [main, 'gateway', 'run', '--config', pipe], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  gateway.stderr!.on('data', (data) => {
    log += data;
  });
});
afterEach(async () => {
  if (gateway.exitCode === null && gateway.signalCode === null) {
    gateway.kill('SIGKILL');
    await once(gateway, 'exit');
  }
  await site[Symbol.asyncDispose]();
});

/** Gives a writer when the gateway has opened the pipe to read it. */
async function beingRead(then: () => void): Promise<void> {
  const writer = await open(pipe, 'w');
  then();
  await writer.write(readFileSync(site.configFile));
  await writer.close();
}

test('a gateway that is told to reload while it starts does so when it runs', async () => {
  await beingRead(() => gateway.kill('SIGHUP'));
  await vi.waitFor(() => expect(log).toContain('listening'));
  await beingRead(() => {});
  await vi.waitFor(() => expect(log).toContain('was read again'));
  gateway.kill('SIGTERM');
  expect(await once(gateway, 'exit')).toEqual([0, null]);
});

test('a gateway that is stopped while it starts ends', async () => {
  await beingRead(() => gateway.kill('SIGTERM'));
  expect(await once(gateway, 'exit')).toEqual([0, null]);
  expect(log).toContain('stopping');
});
