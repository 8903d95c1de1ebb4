import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MongoClient } from 'mongodb';
import { afterAll, expect, test } from 'vitest';
import { hasInfluxDb, startFerretDb, startInfluxDb } from '../../infra/local/index.ts';
import { wantsFerretDb } from '../support/documents.ts';
import { rowsOf } from '../support/influx.ts';
import { until } from '../support/testbed.ts';

const launch = fileURLToPath(new URL('../../cli/launch.mjs', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'headwater-up-existing-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const required = process.env.HEADWATER_STORES === 'required';
const room = (name: string) => JSON.stringify(fileURLToPath(new URL(`../../${name}/index.ts`, import.meta.url)));

/** As in docs/how-to/write-a-job.md, of all that devices measure. */
const JOB = `
import { TOPICS, topic } from ${room('contract')};
import { count, field, from, job, mean } from ${room('streams/core')};
export const jobs = [
  job(
    'by-metric',
    from(TOPICS.readings, { origin: field('gateway'), trusted: true }).windows({
      by: { gateway: field('gateway'), metric: field('metric') },
      sizes: [{ ms: 10_000, to: topic('own.by-metric', 'series', 'What is measured') }],
      select: { count: count(), mean: mean(field('value')) },
    }),
  ),
];
`;

test.runIf(required || (wantsFerretDb() && hasInfluxDb()))(
  'up --influx --mongo: servers that exist get points and documents, windows of own jobs too, and outlive the platform',
  async () => {
    await using influx = await startInfluxDb({ dir: join(dir, 'influxdb') });
    await using ferret = await startFerretDb({ dir: join(dir, 'ferretdb') });
    await using mongo = new MongoClient(ferret.uri);
    const jobs = join(dir, 'by-metric.ts');
    writeFileSync(jobs, JOB);
    const data = join(dir, 'platform');
    const where = ['--influx', influx.url, '--influx-token-file', influx.tokenFile, '--mongo', ferret.uri];
    const args = [launch, 'up', ...where, '--jobs', jobs, '--port', '0', '--devices', '4', '--data', data];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (bytes) => {
      said += bytes;
    });
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    const rows = async (measurement: string, bucket = 'results') => {
      const answer = await fetch(`${influx.url}/api/v2/query?org=${influx.org}`, {
        method: 'POST',
        headers: { authorization: `Token ${influx.token}`, 'content-type': 'application/vnd.flux' },
        body: `from(bucket: "${bucket}") |> range(start: -1h) |> filter(fn: (r) => r._measurement == "${measurement}")`,
      });
      return answer.ok ? rowsOf(await answer.text()) : [];
    };
    const documents = (name: string) => mongo.db('headwater').collection(name).countDocuments();
    try {
      await until('the stores are ready', 300, () => said.includes('the stores are ready') || child.exitCode !== null);
      expect(child.exitCode, said).toBe(null);
      await until('readings are stored', 120, async () => (await rows('iot.readings', 'readings')).length > 0);
      await until('windows of own jobs are stored', 240, async () => (await rows('own.by-metric')).length > 0);
      const [own] = await rows('own.by-metric');
      expect(own).toMatchObject({ metric: expect.stringMatching(/./), gateway: expect.stringMatching(/./) });
      await until('documents are stored', 240, async () => (await documents('transactions')) > 0);

      // No database of its own, and no secret where others can read it.
      for (const name of ['influxdb', 'ferretdb']) expect(existsSync(join(data, 'stores', name)), name).toBe(false);
      const hubToken = readFileSync(join(data, 'stores', 'influx-hub.token'), 'utf8').trim();
      expect(hubToken).not.toBe(influx.token);
      const commands = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8', maxBuffer: 64_000_000 });
      for (const secret of [influx.token, hubToken]) {
        expect(commands).not.toContain(secret);
        expect(said).not.toContain(secret);
      }
    } finally {
      child.kill('SIGINT');
    }
    expect(await ended, said).toBe(0);
    expect(await documents('transactions')).toBeGreaterThan(0);
    expect((await rows('iot.readings', 'readings')).length).toBeGreaterThan(0);
  },
  900_000,
);
