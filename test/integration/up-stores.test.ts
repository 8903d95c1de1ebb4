import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MongoClient } from 'mongodb';
import { afterAll, expect, test } from 'vitest';
import { hasInfluxDb } from '../../infra/local/index.ts';
import { wantsFerretDb } from '../support/documents.ts';
import { until } from '../support/testbed.ts';

const launch = fileURLToPath(new URL('../../cli/launch.mjs', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'headwater-up-stores-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const required = process.env.HEADWATER_STORES === 'required';
const stores = (...path: string[]) => join(dir, 'stores', ...path);
const left = () =>
  execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(dir) && !line.startsWith('ps '));

test.runIf(required || (wantsFerretDb() && hasInfluxDb()))(
  'up --stores: points and documents arrive, the page tells of it, and each server that is killed comes back',
  async () => {
    const child = spawn(process.execPath, [launch, 'up', '--stores', '--port', '0', '--devices', '4', '--data', dir], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (bytes) => {
      said += bytes;
    });
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    try {
      await until('the stores are ready', 300, () => said.includes('the stores are ready') || child.exitCode !== null);
      const page = /ready: open (\S+)/.exec(said)![1];
      expect(said.indexOf('ready: open'), said).toBeLessThan(said.indexOf('the stores are ready'));

      const states = async () => {
        const answer = await fetch(`${page}/api/summary`);
        const { parts } = (await answer.json()) as { parts: { name: string; state: string }[] };
        return new Map(parts.map(({ name, state }) => [name, state]));
      };
      const ours = ['Kafka Connect', 'store InfluxDB', 'connector mongo-anomalies', 'connector mongo-alerts'];
      const allReady = async () => {
        const now = await states();
        return ours
          .concat('connector mongo-transactions', 'connector mongo-sessions')
          .every((p) => now.get(p) === 'ready');
      };
      await until('the page shows every part as ready', 120, allReady);

      const uri = /^uri=(.*)$/m.exec(readFileSync(stores('connect-secrets', 'mongo.properties'), 'utf8'))![1]!;
      await using mongo = new MongoClient(uri);
      const count = (name: string) =>
        mongo
          .db('headwater')
          .collection(name)
          .countDocuments()
          .catch(() => 0);
      await until(
        'transactions and sessions arrive',
        120,
        async () => (await count('transactions')) > 0 && (await count('sessions')) > 0,
      );

      for (const [folder, name] of [
        ['ferretdb', 'ferretdb'],
        ['influxdb', 'influxd'],
        ['connect', 'connect'],
      ] as const) {
        const pid = () => JSON.parse(readFileSync(stores(folder, `${name}.pid`), 'utf8')).pid as number;
        const before = pid();
        process.kill(before, 'SIGKILL');
        await until(`${name} runs again`, 120, () => pid() !== before);
      }
      const before = await count('transactions');
      await until('every part is ready again', 240, allReady);
      await until('more transactions arrive', 120, async () => (await count('transactions')) > before);

      for (const file of ['connect-secrets/mongo.properties', 'influx-hub.token', 'connect/worker.properties']) {
        expect(statSync(stores(file)).mode & 0o777, file).toBe(0o600);
      }
      const secret = readFileSync(join(dir, 'kafka/secrets/connect.password'), 'utf8').trim();
      for (const file of ['connect/connect.log', 'connect/worker.properties']) {
        expect(readFileSync(stores(file), 'utf8')).not.toContain(secret);
      }
    } finally {
      child.kill('SIGINT');
    }
    expect(await ended, said).toBe(0);
    expect(left()).toEqual([]);
  },
  900_000,
);
