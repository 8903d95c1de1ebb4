import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const launch = fileURLToPath(new URL('./launch.mjs', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'headwater-hub-check-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('hub check reads the password of Kafka Connect too', () => {
  for (const name of ['ca.pem', 'password']) writeFileSync(join(dir, name), 'x');
  const file = join(dir, 'hub.yaml');
  const check = (passwordFile: string) => {
    writeFileSync(
      file,
      `hub: { id: hub-1, dataDir: data }
kafka:
  brokers: ['127.0.0.1:1']
  caFile: ca.pem
  passwordFiles: { hub: password, sources: password, page: password }
stores: { connect: { url: 'http://127.0.0.1:1', username: u, passwordFile: ${passwordFile} } }
`,
    );
    return spawnSync(process.execPath, [launch, 'hub', 'check', '--config', file], { encoding: 'utf8' });
  };
  expect(check('password')).toMatchObject({ status: 0, stdout: `${file} is good\n` });
  const bad = check('nowhere');
  expect(bad.status).toBe(2);
  expect(bad.stderr).toContain('connect.passwordFile cannot be read');
});
