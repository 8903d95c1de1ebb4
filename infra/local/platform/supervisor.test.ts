import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, test, vi } from 'vitest';
import { supervise } from './supervisor.ts';

const dir = mkdtempSync(join(tmpdir(), 'headwater-supervisor-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('a program that cannot be started again at the moment is started again later', async () => {
  const command = join(dir, 'program');
  writeFileSync(command, '#!/bin/sh\nrm "$0"\necho ready\n', { mode: 0o755 });
  const said: string[] = [];
  const options = { name: 'program', command, args: [], readyWhen: (line: string) => line === 'ready' };
  const program = await supervise(options, (text) => said.push(text));
  await vi.waitUntil(() => said.some((text) => text.includes('could not be started again')), { timeout: 30_000 });
  writeFileSync(`${command}.new`, '#!/bin/sh\nexec sleep 600\n', { mode: 0o755 });
  renameSync(`${command}.new`, command);
  await vi.waitUntil(() => program.restarts() === 1, { timeout: 30_000 });
  await program.stop(1_000);
});
