import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { BadDisk, buildLibrary, ERRNO, hasCompiler } from './disk/bad-disk.ts';
import { Tally } from './disk/tally.ts';

/** As many as the forwarder of the program has on their way. */
const RECORDS = 100;
const WAIT = { timeout: 120_000, interval: 50 };

test.skipIf(!hasCompiler())(
  'a gateway upgraded on a full disk sends what waits, refuses what is new, and takes it when there is room (needs gcc)',
  {
    timeout: 300_000,
  },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'headwater-upgrade-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const disk = new BadDisk(folder, buildLibrary(folder));
    onTestFinished(() => disk.close());
    const tally = new Tally();
    await tally.fill(disk.dir, RECORDS);
    const path = join(disk.dir, 'buffer.db');
    toLayout3(path);
    disk.set({ writeErrno: ERRNO.ENOSPC });

    const fixture = fileURLToPath(new URL('./disk/load.fixture.ts', import.meta.url));
    const child = spawn(process.execPath, [fixture, disk.dir, '1', 'all'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...disk.env },
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const sent = new Set<string>();
    const lines = createInterface(child.stdout);
    lines.on('line', (line) => {
      if (!line.endsWith('}')) return;
      tally.take(line, 1);
      for (const [, identity] of JSON.parse(line).values ?? []) sent.add(identity);
    });
    await vi.waitFor(() => expect(sent.size).toBe(RECORDS), WAIT);
    await vi.waitFor(() => expect(tally.counts.refused).toBeGreaterThan(50), WAIT);
    expect([tally.counts.stored, tally.waits]).toEqual([0, []]);
    disk.heal();
    await vi.waitFor(() => expect(tally.counts.stored).toBeGreaterThan(100), WAIT);
    const ended = Promise.all([once(lines, 'close'), once(child, 'exit')]);
    child.kill('SIGKILL');
    await ended;
    tally.nextLife();
    await tally.check(disk.dir);
    expect([tally.recovered, tally.failures, tally.incarnations.size]).toEqual([[], [], 1]);
  },
);

function toLayout3(path: string): void {
  const db = new DatabaseSync(path);
  db.exec(`
    DROP TABLE frames;
    CREATE TABLE frames (device TEXT, boot TEXT, highest INTEGER, seen BLOB, used INTEGER, PRIMARY KEY (device, boot)) WITHOUT ROWID;
    PRAGMA user_version = 3;
  `);
  db.close();
}
