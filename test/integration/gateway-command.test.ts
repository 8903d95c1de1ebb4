import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { openSite, type Site, unusedPort } from '../../gateway/testing/index.ts';
import { openAuthority, startProcess } from '../../infra/local/index.ts';
import { until } from '../support/testbed.ts';

// The gateway's commands as a user runs them. Kafka is away.

const COMMAND = join(import.meta.dirname, '../../cli/main.ts');

async function headwater(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, [COMMAND, ...args])) };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}

const gateway = (command: string, site: Site, ...more: string[]) =>
  headwater('gateway', command, '--config', site.configFile, ...more);

test('SIGHUP has a gateway read its configuration again: sessions stay, what is wrong changes nothing, and SIGTERM still ends it', async () => {
  await using site = await openSite();
  const [mqtt, http] = [await unusedPort(), await unusedPort()];
  site.file('ann.password', 'ann');
  site.file('bob.password', 'bob');
  const write = (accounts: string, more = '') =>
    site.write(`  mqtt: { port: ${mqtt}, accounts: [${accounts}] }\n${more}`, http);
  const account = (name: string) => `{ username: ${name}, passwordFile: ${name}.password }`;
  write(account('ann'));
  const running = await startProcess({
    name: 'gateway',
    command: process.execPath,
    args: [COMMAND, 'gateway', 'run', '--config', site.configFile],
    readyWhen: (line) => line.includes('"msg":"listening"'),
  });
  try {
    const said = (text: string) => running.lastLines().some((line) => line.includes(text));
    const url = `mqtt://127.0.0.1:${mqtt}`;
    const ann = await site.device(url, { username: 'ann', password: 'ann' });

    write(`${account('ann')}, ${account('bob')}`, 'buffer: { dir: elsewhere }\nlog: { level: debug }');
    running.kill('SIGHUP');
    await until('it was read again', 20, () => said('was read again'));
    await until('it tells what needs a restart', 20, () =>
      said('buffer.dir differs from what runs, and needs a restart'),
    );
    await site.device(url, { username: 'bob', password: 'bob' });

    site.write('  mqtt: { port: many }', http);
    running.kill('SIGHUP');
    await until('the problem is told', 20, () => said('inputs.mqtt.port'));
    await until('it tells that nothing changes', 20, () => said('everything stays as it was'));
    await ann.publishAsync('devices/ann/x', '1', { qos: 1 });

    write(account('ann'));
    let told = '';
    await until('the status says that Kafka is away', 20, async () => {
      told = (await gateway('status', site)).stdout;
      return told.includes('Kafka takes nothing');
    });
    expect(told).toContain('gw-1 at plant');
    expect(told).toMatch(/certificate {3}kafka_ca: \d+ days left/);
  } finally {
    expect(await running.stop(15_000)).toMatchObject({ code: 0, signal: null });
  }
});

test('check tells what is wrong with the files that a configuration names', async () => {
  await using site = await openSite();
  const { issue } = await openAuthority(join(site.dir, 'pki'));
  site.file('mqtt.pem', (await issue({ name: 'one', server: true })).cert);
  site.file('mqtt.key', (await issue({ name: 'two', server: true })).key);
  site.file('kafka.password', '');
  site.write('  mqtt: { anonymous: true, tls: { certFile: mqtt.pem, keyFile: mqtt.key } }');
  const { code, stderr } = await gateway('check', site);
  expect(code).toBe(2);
  expect(stderr).toContain('do not fit each other');
  expect(stderr).toContain('kafka.password) is empty');
});
