import { readdirSync, truncateSync } from 'node:fs';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { ensureKafkaArtifacts } from './artifacts.ts';
import { downloadCounter } from './maven.ts';

const MINUTES = 60_000;
const folder = () => mkdtempDisposable(join(tmpdir(), 'headwater-artifacts-'));
afterEach(() => vi.unstubAllEnvs());

test('the jars come once for all who ask, and again when damaged', { timeout: 5 * MINUTES }, async () => {
  await using cache = await folder();
  const said: string[] = [];
  const ask = () => ensureKafkaArtifacts({ cacheDir: cache.path, onProgress: (text) => said.push(text) });
  const [first, second] = await Promise.all([ask(), ask()]);
  expect(second).toEqual(first);
  expect(said.filter((text) => text.startsWith('waiting for process'))).toHaveLength(1);
  expect(first.jars.map((jar) => basename(jar))).toContain('kafka_2.13-4.3.1.jar');
  expect(readdirSync(cache.path).filter((name) => name.endsWith('.partial'))).toEqual([]);

  truncateSync(first.jars[0]!, 10);
  vi.stubEnv('PATH', '/nonexistent');
  await expect(ask()).rejects.toMatchObject({ code: 'MAVEN_MISSING', message: /apt install maven/ });
  vi.unstubAllEnvs();
  expect(await ask()).toEqual(first);
});

test('without a network it says so and that trying again may help', { timeout: 5 * MINUTES }, async () => {
  await using cache = await folder();
  vi.stubEnv(
    'MAVEN_OPTS',
    `-Dmaven.repo.local=${join(cache.path, 'm2')} -Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=1 -Daether.connector.http.retryHandler.count=0`,
  );
  const download = ensureKafkaArtifacts({ cacheDir: cache.path });
  await expect(download).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED', retryable: true });
});

test('progress counts the jars and their size from what Maven prints', () => {
  const said: string[] = [];
  const count = downloadCounter((text) => said.push(text));
  count('[INFO] Downloading from central: https://repo/a.jar');
  count('[INFO] Downloaded from central: https://repo/a.jar (1.5 MB at 3.0 MB/s)');
  count('[INFO] Downloaded from central: https://repo/a.pom (3 kB at 9 kB/s)');
  count('[INFO] Downloaded from central: https://repo/b.jar (500 kB at 385 kB/s)');
  expect(said).toEqual(['downloading Kafka: 1 jars, 1.5 MB', 'downloading Kafka: 2 jars, 2.0 MB']);
});
