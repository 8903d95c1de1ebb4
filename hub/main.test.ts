import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { expect, test } from 'vitest';
import { loadHubConfig } from './config/index.ts';
import { runHub } from './main.ts';

test('a password of Kafka Connect that cannot be read is told before anything runs', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-hub-start-'));
  try {
    for (const name of ['ca.pem', 'password']) writeFileSync(join(dir, name), 'x');
    const file = join(dir, 'hub.yaml');
    writeFileSync(
      file,
      `hub: { id: hub-1, dataDir: data }
kafka:
  brokers: ['127.0.0.1:1']
  caFile: ca.pem
  passwordFiles: { hub: password, sources: password, page: password }
stores: { connect: { url: 'http://127.0.0.1:1', username: u, passwordFile: nowhere } }
page: { port: 0 }
`,
    );
    await expect(runHub(loadHubConfig(file, {}), pino({ level: 'silent' }))).rejects.toMatchObject({
      code: 'CONFIG_MISSING',
      message: expect.stringContaining('connect.passwordFile'),
    });
    expect(existsSync(join(dir, 'data', 'results.sqlite'))).toBe(false);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
