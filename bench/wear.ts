import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HeadwaterError } from '../contract/index.ts';
import { startProcess } from '../infra/local/index.ts';
import { BadDisk, buildLibrary, hasCompiler } from '../test/faults/disk/bad-disk.ts';
import { print, readSettings, round } from './settings.ts';

const FIVE_YEARS_S = 5 * 365.25 * 86_400;
const CARD_BYTES = 32e9;
const RATES = [1, 100, 10_000];

/**
 * What the buffer writes to its disk while readings come, are sent and leave, and what that makes of a card in five years. Counted between SQLite
 * and the kernel; each sync takes `syncMs`, as a card's does.
 */
export async function run(args: string[]): Promise<void> {
  const settings = readSettings(args, { seconds: 30, syncMs: 5, bytes: 200 });
  if (!hasCompiler())
    throw new HeadwaterError('BENCH_NEEDS_GCC', 'bench wear counts in a small C library: install gcc');
  for (const readingsPerSecond of RATES) {
    const folder = mkdtempSync(join(tmpdir(), 'headwater-bench-'));
    try {
      const disk = new BadDisk(folder, buildLibrary(folder));
      disk.set({ syncDelayMs: settings.syncMs });
      const { seconds, readings, cpuSeconds } = await load(disk, readingsPerSecond, settings);
      const [bytes, syncs] = [disk.get('bytes'), disk.get('syncs')];
      const bytesOverFiveYears = (bytes / seconds) * FIVE_YEARS_S;
      print({
        bench: 'wear',
        readingsPerSecond: round(readings / seconds, 1),
        bytesPerReading: Math.round(bytes / readings),
        syncsPerReading: round(syncs / readings, 4),
        terabytesInFiveYears: round(bytesOverFiveYears / 1e12, 1),
        timesA32GbCardInFiveYears: Math.round(bytesOverFiveYears / CARD_BYTES),
        cpuSeconds,
        ...settings,
      });
      disk.close();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

interface Loaded {
  readonly seconds: number;
  readonly readings: number;
  readonly cpuSeconds: number;
}

async function load(
  disk: BadDisk,
  rate: number,
  { seconds, bytes }: { seconds: number; bytes: number },
): Promise<Loaded> {
  let answer: Loaded | undefined;
  const file = join(import.meta.dirname, 'wear-process.ts');
  const running = await startProcess({
    name: 'wear',
    command: process.execPath,
    args: [...process.execArgv, file, disk.dir, String(rate), String(seconds), String(bytes)],
    env: disk.env,
    readyTimeoutMs: (seconds + 60) * 1000,
    readyWhen: (line) => line.startsWith('{'),
    onLine: (line) => {
      if (line.startsWith('{')) answer = JSON.parse(line) as Loaded;
    },
  });
  await running.stop();
  return answer!;
}
