import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { kill } from 'node:process';
import { afterAll, expect, test, vi } from 'vitest';
import { programPath } from '../stores/build.ts';
import { INFLUXD } from '../stores/recipes.ts';
import { startStores } from './stores.ts';

const dir = mkdtempSync(join(tmpdir(), 'headwater-own-stores-'));
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true, force: true });
});

/** Serves what the start of an InfluxDB asks for. */
const STAND_IN = `#!${process.execPath}
const [host, port] = process.argv[process.argv.indexOf('--http-bind-address') + 1].split(':');
require('node:http').createServer((_, answer) => answer.end('{"allowed":false}')).listen(Number(port), host);
`;

test('when one store cannot be started, another that is just starting does not stay behind', async () => {
  vi.stubEnv('HEADWATER_CACHE', join(dir, 'cache'));
  const program = programPath(INFLUXD);
  mkdirSync(dirname(program), { recursive: true });
  writeFileSync(program, STAND_IN, { mode: 0o755 });
  const options = { influx: 'start', mongo: 'start', apply: async () => {} } as const;
  await expect(startStores(join(dir, 'stores'), options, () => {})).rejects.toMatchObject({
    code: 'STORE_NOT_PREPARED',
  });
  const { pid } = JSON.parse(readFileSync(join(dir, 'stores', 'influxdb', 'influxd.pid'), 'utf8'));
  expect(() => kill(pid, 0)).toThrow('ESRCH');
});
