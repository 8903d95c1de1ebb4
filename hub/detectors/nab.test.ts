import { spawnSync } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { finished } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { createDetector, scoreFile } from './index.ts';

const shared = fileURLToPath(new URL('../../../shared/', import.meta.url));
const data = join(shared, 'data/nab');
const scorer = join(shared, 'tools/nab_score.py');
const isAvailable = existsSync(data) && spawnSync('python3', [scorer]).error === undefined;

/** The standard-profile score of a detector on the series and labelled windows of the Numenta Anomaly Benchmark. */
async function nabScore(name: string): Promise<number> {
  const results = mkdtempSync(join(tmpdir(), 'headwater-nab-'));
  try {
    const windows = join(data, 'windows.json');
    for (const series of Object.keys(JSON.parse(readFileSync(windows, 'utf8')))) {
      mkdirSync(join(results, dirname(series)), { recursive: true });
      const stdout = createWriteStream(join(results, series));
      await scoreFile(join(data, series), { detector: createDetector(name), format: 'csv', stdout });
      stdout.end();
      await finished(stdout);
    }
    const { stdout } = spawnSync('python3', [scorer, windows, results], { encoding: 'utf8' });
    return Number(/^standard (\S+)/.exec(stdout)?.[1]);
  } finally {
    rmSync(results, { recursive: true });
  }
}

test.skipIf(!isAvailable)(
  'scores well on the Numenta Anomaly Benchmark series (needs ../shared and python3)',
  async () => {
    expect(await nabScore('adaptive')).toBeGreaterThan(68);
    expect(await nabScore('gaussian')).toBeGreaterThan(30);
  },
);
