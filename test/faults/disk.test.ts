import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { seeded } from '../../simulators/random/index.ts';
import { BadDisk, buildLibrary, ERRNO, hasCompiler } from './disk/bad-disk.ts';
import { cutPower } from './disk/power-cut.ts';
import { Tally } from './disk/tally.ts';

// The same seed plans the same faults; where in the work they fall is up to the machine.
const SEED = Number(process.env.HEADWATER_FAULT_SEED ?? Math.floor(Math.random() * 1e6));
const CUTS = Number(process.env.HEADWATER_DISK_CUTS ?? 24);

/** More than memory keeps of them; each has some 650 bytes. */
const RECORDS = 6_000;
const RECORD_BYTES = 600;
/** As often the buffer is opened until what cannot be read is given up. */
const READ_TRIES = 10;

/** Faults come from below the real SQLite: a library between it and the disk. */
describe.skipIf(!hasCompiler())('a bad disk (needs gcc)', () => {
  let folder = '';
  let library = '';

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'headwater-disk-'));
    library = buildLibrary(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('a power cut loses nothing that was acknowledged, whatever of the rest reached the disk', {
    timeout: 60_000 + CUTS * 6_000,
  }, async () => {
    const random = seeded(SEED);
    const disk = new BadDisk(folder, library, { journal: true });
    onTestFinished(() => disk.close());
    const tally = new Tally();
    for (let cut = 1; cut <= CUTS; cut++) {
      const seed = random.between(1, 1e9);
      // Some while it opens, most while it works.
      disk.set({ killAfter: random.chance(0.2) ? random.between(1, 40) : random.between(40, 4_000) });
      const program = start(disk, seed, tally);
      await program.ended;
      tally.nextLife();
      cutPower(disk, random, random.chance(0.3));
      if (random.chance(0.3) || cut === CUTS) await tally.check(disk.dir);
    }
    console.log(JSON.stringify({ seed: SEED, cuts: CUTS, ...tally.counts, lost: 0 }));
    expect(tally.recovered.join('; ')).toBe('');
    expect(tally.incarnations.size).toBe(1);
    expect(tally.counts.stored).toBeGreaterThan(CUTS * 20);
  });

  test('a disk that is full, fails, lies still or is read-only has submissions refused, none lost, and work goes on when it is well', async () => {
    const random = seeded(SEED);
    const disk = new BadDisk(mkdtempSync(join(folder, 'faults-')), library, { journal: true });
    onTestFinished(() => disk.close());
    const tally = new Tally();
    const program = start(disk, random.between(1, 1e9), tally);
    onTestFinished(() => program.kill());
    await program.more('stored', 100);
    const faults: Record<string, () => Promise<void>> = {
      full: async () => {
        disk.set({ writeErrno: ERRNO.ENOSPC, writeRoom: random.between(0, 50_000) });
        await program.more('refused', 20);
      },
      'failing writes': async () => {
        disk.set({ writeErrno: ERRNO.EIO, writeRoom: random.between(0, 50_000) });
        await program.more('refused', 20);
      },
      'failing syncs': async () => {
        disk.set({ syncErrno: ERRNO.EIO });
        await program.more('refused', 20);
      },
      'failing syncs and reads': async () => {
        // Of what the failed commits wrote, whatever is not in memory.
        disk.set({ syncErrno: ERRNO.EIO, badInode: inodeOf(disk, 'buffer.db-wal'), badFrom: 0, badTo: 2 ** 40 });
        await program.more('refused', 100);
        disk.set({ syncErrno: 0 });
        await program.more('refused', 20);
      },
      'read-only': async () => {
        disk.set({ readOnly: 1 });
        await program.more('refused', 20);
      },
      slow: async () => {
        disk.set({ syncDelayMs: 150 });
        await program.more('stored', 20);
      },
      'short writes': async () => {
        disk.set({ shortWrites: 40 });
        await program.more('stored', 100);
      },
    };
    for (const [name, fault] of Object.entries(faults)) {
      await fault();
      disk.heal();
      await program.more('stored', 100);
      expect(program.alive, name).toBe(true);
    }
    await program.kill();
    tally.nextLife();
    cutPower(disk, random, false);
    await tally.check(disk.dir);
    console.log(JSON.stringify({ seed: SEED, faults: Object.keys(faults).length, ...tally.counts, lost: 0 }));
    expect(tally.recovered.join('; ')).toBe('');
    expect(tally.failures).toEqual([]);
  });

  test('a disk that is read-only or fails when the buffer is opened is waited for, and nothing is lost', async () => {
    const random = seeded(SEED);
    const disk = new BadDisk(mkdtempSync(join(folder, 'start-')), library, { journal: true });
    onTestFinished(() => disk.close());
    const tally = new Tally();
    await tally.fill(disk.dir, RECORDS);
    const first = start(disk, random.between(1, 1e9), tally);
    await first.more('stored', 100);
    await first.kill();
    const unreadable = (name: string, badFrom: number) => {
      disk.set({ badInode: inodeOf(disk, name), badFrom, badTo: 2 ** 40 });
    };
    const faults = {
      'failing reads': () => unreadable('buffer.db', 2 * 4096),
      'failing reads of the journal': () => unreadable('buffer.db-wal', 0),
      'read-only': () => disk.set({ readOnly: 1 }),
      full: () => disk.set({ writeErrno: ERRNO.ENOSPC }),
      'failing writes and syncs': () => disk.set({ writeErrno: ERRNO.EIO, syncErrno: ERRNO.EIO }),
    };
    for (const [name, fault] of Object.entries(faults)) {
      tally.nextLife();
      fault();
      const [waits, refused] = [tally.waits.length, tally.counts.refused];
      const program = start(disk, random.between(1, 1e9), tally);
      onTestFinished(() => program.kill());
      // A disk that takes nothing may still let it open: then all is refused.
      await program.until(() => tally.waits.length > waits + 2 || tally.counts.refused > refused + 20);
      disk.heal();
      await program.more('stored', 50);
      expect(program.alive, name).toBe(true);
      await program.kill();
    }
    tally.nextLife();
    cutPower(disk, random, true);
    await tally.check(disk.dir);
    console.log(JSON.stringify({ seed: SEED, waits: tally.waits.length, ...tally.counts, lost: 0 }));
    expect(tally.waits.length).toBeGreaterThan(0);
    expect(tally.recovered.join('; ')).toBe('');
    expect(tally.incarnations.size).toBe(1);
  });

  test('a place that cannot be read any more costs what is on it and nothing else, and no loop of crashes', async () => {
    const random = seeded(SEED);
    const disk = new BadDisk(mkdtempSync(join(folder, 'sector-')), library);
    onTestFinished(() => disk.close());
    const tally = new Tally();
    await tally.fill(disk.dir, RECORDS);
    const badBytes = 64 * 1024;
    disk.set({ badInode: inodeOf(disk, 'buffer.db'), badFrom: badBytes, badTo: 2 * badBytes });
    const program = start(disk, random.between(1, 1e9), tally);
    onTestFinished(() => program.kill());
    await program.more('stored', 300);
    expect(program.alive).toBe(true);
    expect(tally.waits.length).toBe(READ_TRIES);
    expect(tally.recovered.join()).toMatch(/damaged and set aside/);
    await program.kill();
    tally.nextLife();
    await tally.check(disk.dir, { lostAtMost: Math.ceil(badBytes / RECORD_BYTES) });
    expect(tally.recovered).toHaveLength(1);
  });
});

function inodeOf({ dir }: BadDisk, name: string): number {
  return statSync(join(dir, name)).ino;
}

interface Program {
  readonly alive: boolean;
  readonly ended: Promise<unknown>;
  until(done: () => boolean): Promise<void>;
  /** So many more outcomes of a kind. */
  more(outcome: 'stored' | 'refused', count: number): Promise<void>;
  kill(): Promise<void>;
}

function start(disk: BadDisk, seed: number, tally: Tally): Program {
  const fixture = fileURLToPath(new URL('./disk/load.fixture.ts', import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [fixture, disk.dir, String(seed)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...disk.env },
  });
  const lines = createInterface(child.stdout!);
  lines.on('line', (line) => {
    // The last line may be cut short by the kill.
    if (line.endsWith('}')) tally.take(line, seed);
  });
  const ended = Promise.all([once(lines, 'close'), once(child, 'exit')]);
  const alive = () => child.exitCode === null && child.signalCode === null;
  const until = async (done: () => boolean) => {
    while (!done()) {
      if (!alive()) throw new Error(`the program ended with ${child.exitCode ?? child.signalCode}`);
      await sleep(20);
    }
  };
  return {
    get alive() {
      return alive();
    },
    ended,
    until,
    more(outcome, count) {
      const enough = tally.counts[outcome] + count;
      return until(() => tally.counts[outcome] >= enough);
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
