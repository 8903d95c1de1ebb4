import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { InfluxAdminConfig, planInflux } from './admin.ts';

const dir = mkdtempSync(join(tmpdir(), 'headwater-influx-admin-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test.each(['secret\nand a second line', 'secret token', 'ｓecret', ''])(
  'a file that holds %j is no token, and the message does not quote it',
  async (text) => {
    const adminTokenFile = join(dir, 'token');
    writeFileSync(adminTokenFile, text);
    const files = { adminTokenFile, hubTokenFile: join(dir, 'hub'), grafanaTokenFile: join(dir, 'grafana') };
    const config = InfluxAdminConfig.parse({ url: 'http://127.0.0.1:1', ...files });
    const error = await planInflux(config).catch((error: Error) => error);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(adminTokenFile) });
    expect(String(error)).not.toContain('ecret');
  },
);
