import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { startInfluxDb } from './influxdb.ts';
import { startTestInfluxDb, wantsInfluxDb } from './test-influxdb.ts';

const dir = mkdtempSync(join(tmpdir(), 'headwater-influx-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const write = (url: string, token: string, line: string) =>
  fetch(`${url}/api/v2/write?org=headwater&bucket=results`, {
    method: 'POST',
    headers: { authorization: `Token ${token}` },
    body: line,
  });
const query = async (url: string, token: string) => {
  const answer = await fetch(`${url}/api/v2/query?org=headwater`, {
    method: 'POST',
    headers: { authorization: `Token ${token}`, 'content-type': 'application/vnd.flux' },
    body: 'from(bucket: "results") |> range(start: 0) |> count()',
  });
  return (await answer.text()).trim();
};

test.runIf(wantsInfluxDb())(
  'it serves on loopback, keeps what it has through a kill, and starts again as it was',
  async () => {
    {
      await using influx = await startInfluxDb({ dir });
      for (const file of [influx.tokenFile, influx.passwordFile]) expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(readFileSync(influx.tokenFile, 'utf8').trim()).toBe(influx.token);
      await expect(startInfluxDb({ dir })).rejects.toMatchObject({ code: 'ALREADY_RUNNING' });
      expect((await write(influx.url, influx.token, 'm value=1 1000000')).status).toBe(204);
      const { pid } = influx;
      await influx.kill();
      await influx.start();
      expect(influx.pid).not.toBe(pid);
      expect(await query(influx.url, influx.token)).toContain(',1,value,m');
      expect(await influx.rss()).toBeGreaterThan(0);
    }
    await using again = await startInfluxDb({ dir });
    expect(await query(again.url, again.token)).toContain(',1,value,m');
  },
);

test('a machine that it was not prepared for says what to do', async () => {
  await expect(startInfluxDb({ dir: join(dir, 'other'), cacheDir: join(dir, 'empty') })).rejects.toMatchObject({
    code: 'STORE_NOT_PREPARED',
    message: expect.stringContaining('npm run stores'),
  });
});

test.runIf(wantsInfluxDb())('a server of a test takes its folder with it', async () => {
  let file: string;
  {
    await using influx = await startTestInfluxDb();
    file = influx.tokenFile;
    expect(existsSync(file)).toBe(true);
  }
  expect(existsSync(file)).toBe(false);
});
