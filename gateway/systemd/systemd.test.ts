import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

const launcher = fileURLToPath(new URL('../../infra/package/debian/with-notify', import.meta.url));
const door = fileURLToPath(new URL('index.ts', import.meta.url));
const isHere = spawnSync('perl', ['-MSocket', '-e', '1']).status === 0;

/** Stands for systemd: takes datagrams, and prints each with the process that sent it. */
const MANAGER = `
$| = 1; use Socket;
socket(my $s, PF_UNIX, SOCK_DGRAM, 0); bind($s, pack_sockaddr_un($ARGV[0])); print "open\\n";
while (defined recv($s, my $text, 4096, 0)) { $text =~ s/\\n/ /g; print "$text\\n" }
`;

let dir: string;
let manager: ChildProcess;
let told: string[];
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'headwater-systemd-'));
  told = [];
  manager = spawn('perl', ['-e', MANAGER, join(dir, 'notify')], { stdio: ['ignore', 'pipe', 'inherit'] });
  createInterface({ input: manager.stdout! }).on('line', (line) => told.push(line));
  await vi.waitFor(() => expect(told).toContain('open'));
});
afterEach(async () => {
  const ended = manager.exitCode === null && manager.signalCode === null ? once(manager, 'exit') : undefined;
  manager.kill();
  await ended;
  rmSync(dir, { recursive: true });
});

/** Runs a script with the service manager `m` as systemd would; gives its process. */
function service(script: string, env: Record<string, string> = {}): ChildProcess {
  const source = `import { serviceManager } from '${door}';
    const m = serviceManager({ log: { warn: (_, text) => console.error(text) } }); ${script}`;
  return spawn(launcher, [process.execPath, '--input-type=module', '-e', source], {
    env: { ...process.env, NOTIFY_SOCKET: join(dir, 'notify'), ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

describe.skipIf(!isHere)('a gateway that systemd started (needs perl)', () => {
  test('says when it is ready, reloads, is ready again and stops', async () => {
    const gateway = service('await m.ready(); await m.reloading(); await m.ready(); await m.stopping();');
    expect(await once(gateway, 'exit')).toEqual([0, null]);
    await vi.waitFor(() => expect(told).toHaveLength(5));
    expect(told.slice(1)).toEqual([
      'READY=1',
      expect.stringMatching(/^RELOADING=1 MONOTONIC_USEC=\d+$/),
      'READY=1',
      'STOPPING=1',
    ]);
  });

  test('says while it starts that it is on its way, so that a long repair is not taken for a hang', async () => {
    const gateway = service(
      `const slow = serviceManager({ log: { warn: console.error }, stillEveryMs: 20 });
      slow.starting();
      setTimeout(() => slow.ready().then(() => setTimeout(() => m.stopping(), 200)), 500);`,
    );
    await once(gateway, 'exit');
    await vi.waitFor(() => expect(told).toContain('STOPPING=1'));
    expect(new Set(told)).toEqual(new Set(['open', 'EXTEND_TIMEOUT_USEC=60000', 'READY=1', 'STOPPING=1']));
    // One may have been on its way.
    expect(told.length - told.indexOf('READY=1')).toBeLessThanOrEqual(3);
  });

  test('says that it is well only while it is', async () => {
    const gateway = service(
      `let well = 3; m.watch(async () => well-- > 0); setTimeout(() => m.stopping().then(() => m.close()), 400);`,
      { WATCHDOG_USEC: '30000' },
    );
    await once(gateway, 'exit');
    await vi.waitFor(() => expect(told).toContain('STOPPING=1'));
    expect(told.slice(1)).toEqual(['WATCHDOG=1', 'WATCHDOG=1', 'WATCHDOG=1', 'STOPPING=1']);
  });

  test('leaves a watchdog alone that is meant for another process', async () => {
    const gateway = service('m.watch(async () => true); setTimeout(() => m.stopping(), 200);', {
      WATCHDOG_USEC: '30000',
      WATCHDOG_PID: '1',
    });
    await once(gateway, 'exit');
    await vi.waitFor(() => expect(told.slice(1)).toEqual(['STOPPING=1']));
  });

  test('goes on when the service manager has gone', async () => {
    const gateway = service(
      `await m.ready(); process.kill(${manager.pid}); await new Promise((r) => setTimeout(r, 200)); await m.ready();`,
    );
    expect(await once(gateway, 'exit')).toEqual([0, null]);
  });
});

test('a gateway that nobody supervises tells nobody', async () => {
  const { serviceManager } = await import('./index.ts');
  const warn = vi.fn();
  const nobody = serviceManager({ env: { WATCHDOG_USEC: '1000' }, log: { warn } });
  await nobody.ready();
  nobody.starting();
  nobody.watch(async () => true);
  await nobody.stopping();
  nobody.close();
  expect(warn).not.toHaveBeenCalled();
});
