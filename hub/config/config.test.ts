import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadHubConfig } from './index.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'headwater-hub-config-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function load(passwords: string, rest: string) {
  const file = join(dir, 'hub.yaml');
  writeFileSync(
    file,
    `hub: { id: hub-1, dataDir: data }
kafka:
  brokers: ['localhost:9092']
  caFile: ca.pem
  passwordFiles: { hub: h, sources: s, page: p${passwords} }
${rest}`,
  );
  return loadHubConfig(file, {});
}

test('a hub that stores nothing needs no password of the user stores', () => {
  expect(load('', '')).toMatchObject({ stores: {} });
});

test('InfluxDB is told by its address and a token; files are found from the configuration’s folder', () => {
  const config = load(
    ', stores: st',
    'stores: { influx: { url: "http://127.0.0.1:8086", tokenFile: influx.token, timeout: 5s } }',
  );
  expect(config.stores.influx).toEqual({
    url: 'http://127.0.0.1:8086',
    org: 'headwater',
    tokenFile: join(dir, 'influx.token'),
    buckets: { readings: 'readings', results: 'results' },
    maxSeries: 10_000,
    timeout: 5_000,
    gzip: false,
  });
  expect(config.kafka.passwordFiles.stores).toBe(join(dir, 'st'));
});

test.each([
  ['', 'stores: { influx: { url: "http://127.0.0.1:8086", tokenFile: t } }', 'kafka.passwordFiles.stores'],
  [', stores: st', 'stores: { influx: { url: "influx:8086", tokenFile: t } }', 'stores.influx.url'],
  ['', 'health: { askBrokers: 1s }', 'health.askBrokers'],
  [', stores: st', 'stores: { influx: { url: "http://h" } }', 'stores.influx.tokenFile'],
  [', stores: st', 'stores: { influx: { url: "http://h", tokenFile: t, maxSeries: 0 } }', 'stores.influx.maxSeries'],
])('what cannot work is refused by its path (%s %s)', (passwords, rest, path) => {
  expect(() => load(passwords, rest)).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      details: [expect.stringContaining(path)],
    }),
  );
});
