import { execFile } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DOWNSAMPLED, downsample, InfluxAdminConfig, planInflux } from '../../hub/sinks/index.ts';
import { wantsInfluxDb } from '../../infra/local/index.ts';
import { type InfluxBed, openInfluxBed } from '../support/influx.ts';
import { until } from '../support/testbed.ts';

describe.runIf(wantsInfluxDb())('headwater stores apply, on a real InfluxDB', () => {
  let bed: InfluxBed;
  beforeAll(async () => {
    bed = await openInfluxBed();
  });
  afterAll(() => bed?.close());

  const write = (bucket: string, lines: string[], token: string) =>
    fetch(`${bed.influx.url}/api/v2/write?org=headwater&bucket=${bucket}&precision=ms`, {
      method: 'POST',
      headers: { authorization: `Token ${token}` },
      body: lines.join('\n'),
    });
  const token = (file: string) => readFileSync(file, 'utf8').trim();

  test('a second run finds nothing to do; what was changed by hand is put right', async () => {
    expect(await planInflux(bed.admin)).toEqual([]);
    const kept = { ...bed.admin, buckets: { ...bed.admin.buckets, results: { name: 'results', days: 5 } } };
    const changes = await planInflux(kept);
    expect(changes.map(({ text }) => text)).toEqual(['~ bucket results keeps its points 5 days']);
    for (const change of [...changes, ...(await planInflux(bed.admin))]) await change.apply();
    for (const change of await planInflux(bed.admin)) await change.apply();
    writeFileSync(bed.admin.grafanaTokenFile, 'lost');
    for (const change of await planInflux(bed.admin)) await change.apply();
    expect(await planInflux(bed.admin)).toEqual([]);
  });

  test('the command says what it does, and exits 2 where it is told nothing usable', async () => {
    const file = `${bed.admin.hubTokenFile}.stores.yaml`;
    const { url, adminTokenFile } = bed.admin;
    const files = `hubTokenFile: cli-hub.token, grafanaTokenFile: cli-grafana.token`;
    writeFileSync(file, `influx: { url: "${url}", org: cli, adminTokenFile: ${adminTokenFile}, ${files} }`);
    const planned = await headwater('stores', 'plan', '--config', file);
    expect(planned.stdout).toContain('+ bucket results-1h (730 days)');
    expect((await headwater('stores', 'apply', '--config', file)).stdout).toBe(planned.stdout);
    expect((await headwater('stores', 'apply', '--config', file)).stdout).toContain('as Headwater needs them');
    writeFileSync(file, `influx: { url: nowhere }`);
    const refused = await headwater('stores', 'apply', '--config', file);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('influx.adminTokenFile') });
  });

  test('an organisation that is not there is made, with all that belongs to it', async () => {
    const other = InfluxAdminConfig.parse({
      ...bed.admin,
      org: 'other',
      hubTokenFile: `${bed.admin.hubTokenFile}2`,
      grafanaTokenFile: `${bed.admin.grafanaTokenFile}2`,
    });
    for (const change of await planInflux(other)) await change.apply();
    expect(await planInflux(other)).toEqual([]);
  });

  test('a server that has much else is looked through to its end', async () => {
    const make = async (kind: string, body: object) => {
      const headers = { authorization: `Token ${bed.influx.token}` };
      const answer = await fetch(`${bed.influx.url}/api/v2/${kind}`, {
        ...{ method: 'POST', headers, body: JSON.stringify(body) },
      });
      expect(answer.status).toBe(201);
      return (await answer.json()) as { id: string };
    };
    const { id: orgID } = await make('orgs', { name: 'crowded' });
    const flux = (i: number) =>
      `option task = {name: "a task of others ${i}", every: 1h}\n\nfrom(bucket: "b0") |> range(start: -1h) |> to(bucket: "b1")`;
    for (let i = 0; i < 101; i++) await make('buckets', { orgID, name: `b${i}` });
    for (let i = 0; i < 101; i++) await make('tasks', { orgID, flux: flux(i) });
    const crowded = InfluxAdminConfig.parse({
      ...bed.admin,
      org: 'crowded',
      hubTokenFile: `${bed.admin.hubTokenFile}3`,
      grafanaTokenFile: `${bed.admin.grafanaTokenFile}3`,
    });
    for (const change of await planInflux(crowded)) await change.apply();
    expect((await planInflux(crowded)).map(({ text }) => text)).toEqual([]);
  });

  test('the hub may write and not read, Grafana may read and not write; nobody else reads their tokens', async () => {
    const { hubTokenFile, grafanaTokenFile } = bed.admin;
    for (const file of [hubTokenFile, grafanaTokenFile]) expect(statSync(file).mode & 0o777).toBe(0o600);
    const read = (by: string) => bed.query('from(bucket: "readings") |> range(start: -1h)', by);
    expect((await write('readings', ['m v=1'], token(hubTokenFile))).status).toBe(204);
    expect((await write('results-1h', ['m v=1'], token(hubTokenFile))).status).toBe(403);
    await expect(read(token(hubTokenFile))).rejects.toThrow();
    expect((await write('readings', ['m v=1'], token(grafanaTokenFile))).status).toBe(403);
    expect((await read(token(grafanaTokenFile))).length).toBeGreaterThan(0);
  });

  test('an operator’s token that is none is told so', async () => {
    const file = `${bed.admin.hubTokenFile}.wrong`;
    writeFileSync(file, 'wrong');
    await expect(planInflux({ ...bed.admin, adminTokenFile: file })).rejects.toMatchObject({
      code: 'INFLUX_ADMIN',
      message: expect.stringContaining('operator’s token'),
    });
  });

  test('hours are the means, extremes and counts of their minutes, and are written anew when these are revised', async () => {
    const hour = Date.UTC(2026, 4, 1, 10);
    const minute = (i: number, mean: number, count: number, device = 'd1') =>
      `iot.readings.1m,device=${device},gateway=g,metric=t,unit=Cel count=${count}i,max=${mean + 1},mean=${mean},min=${mean - 1},revision=0i ${hour + i * 60_000}`;
    const lines = [minute(0, 10, 60), minute(1, 20, 30), minute(59, 40, 10), minute(60, 7, 5), minute(3, 5, 1, 'd2')];
    expect((await write('results', lines, bed.influx.token)).status).toBe(204);
    const run = (from: string) => {
      const one = DOWNSAMPLED.find((each) => each.from === from)!;
      const range = 'start: 2026-05-01T00:00:00Z, stop: 2026-05-02T00:00:00Z';
      return bed.query(`${downsample(one, 'results', 'results-1h', range)}`);
    };
    await run('iot.readings.1m');
    const of = async (device: string, at = hour) => {
      const found = [...(await bed.points('results-1h'))].filter(([key]) =>
        key.startsWith(`iot.readings.1h,device=${device},gateway=g,metric=t,unit=Cel `),
      );
      return Object.fromEntries(
        found.filter(([key]) => key.endsWith(` ${at}`)).map(([key, value]) => [key.split(' ')[1], Number(value)]),
      );
    };
    const mean = (10 * 60 + 20 * 30 + 40 * 10) / 100;
    expect(await of('d1')).toEqual({ count: 100, mean, min: 9, max: 41 });
    expect(await of('d1', hour + 3_600_000)).toEqual({ count: 5, mean: 7, min: 6, max: 8 });
    expect(await of('d2')).toEqual({ count: 1, mean: 5, min: 4, max: 6 });
    await write('results', [minute(59, 50, 20)], bed.influx.token);
    await run('iot.readings.1m');
    expect(await of('d1')).toMatchObject({ count: 110, max: 51 });

    const web = (i: number, text: string) => `web.requests.1m,path=/a ${text} ${hour + i * 60_000}`;
    await write(
      'results',
      [web(0, 'count=10i,errorShare=0.5,p95=80'), web(1, 'count=30i,errorShare=0.1')],
      bed.influx.token,
    );
    await run('web.requests.1m');
    const points = await bed.points('results-1h');
    expect(Number(points.get(`web.requests.1h,path=/a errorShare ${hour}`))).toBeCloseTo(0.2);
    expect(Number(points.get(`web.requests.1h,path=/a p95 ${hour}`))).toBe(80);
    const money = (i: number, sum: number) =>
      `finance.transactions.1m,account=a,currency=EUR count=2i,max=${sum},sum=${sum} ${hour + i * 60_000}`;
    await write('results', [money(0, 1.5), money(7, 2)], bed.influx.token);
    await run('finance.transactions.1m');
    expect(
      Number((await bed.points('results-1h')).get(`finance.transactions.1h,account=a,currency=EUR sum ${hour}`)),
    ).toBe(3.5);
  });

  test('the tasks run in InfluxDB and succeed', async () => {
    const headers = { authorization: `Token ${bed.influx.token}` };
    const { tasks } = (await (
      await fetch(`${bed.influx.url}/api/v2/tasks?limit=100&org=headwater`, { headers })
    ).json()) as {
      tasks: { id: string; name: string }[];
    };
    expect(tasks.length).toBe(2 * DOWNSAMPLED.length);
    const now = Date.now();
    const last = Math.floor(now / 3_600_000) * 3_600_000 - 3_600_000;
    await write(
      'results',
      [`iot.readings.1m,device=now,gateway=g,metric=t,unit=Cel count=6i,max=3,mean=2,min=1 ${last + 60_000}`],
      bed.influx.token,
    );
    for (const { id, name } of tasks) {
      const path = `${bed.influx.url}/api/v2/tasks/${id}/runs`;
      const run = (await (await fetch(path, { method: 'POST', headers, body: '{}' })).json()) as { id: string };
      // Between its end and its record there is a moment in which nobody knows it.
      let ended: { status?: string } = {};
      await until(`${name} has run`, 60, async () => {
        ended = (await (await fetch(`${path}/${run.id}`, { headers })).json()) as typeof ended;
        return ended.status === 'success' || ended.status === 'failed';
      });
      const logs = ended.status === 'success' ? '' : await (await fetch(`${path}/${run.id}/logs`, { headers })).text();
      expect({ name, ...ended, logs }).toMatchObject({ name, status: 'success', logs: '' });
    }
    const points = await bed.points('results-1h');
    expect(points.get(`iot.readings.1h,device=now,gateway=g,metric=t,unit=Cel count ${last}`)).toBe('6');
  });
});

async function headwater(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const main = resolve(import.meta.dirname, '../../cli/main.ts');
  return new Promise((done) => {
    execFile(process.execPath, [main, ...args], (error, stdout, stderr) => {
      done({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}
