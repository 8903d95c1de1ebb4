import { execFile, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { openBuffer } from '../../gateway/buffer/index.ts';
import { loadGatewayConfig } from '../../gateway/config/index.ts';
import { type Gateway, runGateway } from '../../gateway/main.ts';
import { freePorts, openAuthority } from '../../infra/local/index.ts';

// docs/how-to/mqtt.md, as a reader would follow it, with Debian's mosquitto clients.

const text = readFileSync(new URL('../../docs/how-to/mqtt.md', import.meta.url), 'utf8');
const blocks = (language: string) =>
  Array.from(text.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs')), ([, block]) => block!);
const commands = blocks('sh');
const log = { debug: () => {}, info: () => {}, warn: () => {} };
const found = spawnSync('mosquitto_pub', ['--help']).error === undefined;
let dir: string;
let gateway: Gateway;
let port: string;

/** As it stands there, but for the port. */
const command = (about: string) => commands.find((block) => block.includes(about))!.replaceAll('8883', port);

async function run(script: string): Promise<void> {
  await promisify(execFile)('bash', ['-ec', script], { cwd: dir, timeout: 30_000 });
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'headwater-howto-'));
  port = '8883';
  await run(command('openssl'));
  const authority = await openAuthority(dir);
  const { certPath, keyPath } = await authority.issue({ name: 'localhost', dns: ['localhost'], server: true });
  copyFileSync(certPath, join(dir, 'mqtt.pem'));
  copyFileSync(keyPath, join(dir, 'mqtt.key'));
  for (const name of ['pump-1', 'operator', 'valve-1', 'kafka'])
    writeFileSync(join(dir, `${name}.password`), randomUUID());
  const { inputs } = parse(blocks('yaml')[0]!);
  const [nobody] = await freePorts(1);
  const settings = {
    gateway: { id: 'gw-1', site: 'plant' },
    buffer: { dir: 'buffer' },
    kafka: { brokers: [`127.0.0.1:${nobody}`], caFile: 'ca.pem', passwordFile: 'kafka.password' },
    inputs: { mqtt: { ...inputs.mqtt, port: 0 } },
    http: { port: 0 },
  };
  writeFileSync(join(dir, 'gateway.yaml'), stringify(settings));
  gateway = await runGateway(loadGatewayConfig(join(dir, 'gateway.yaml'), {}), { log });
  port = new URL(gateway.addresses.mqtt!.replace('mqtts', 'https')).port;
});

afterAll(async () => {
  await gateway?.close();
  rmSync(dir, { recursive: true });
});

test.skipIf(!found)(
  'its commands send readings with a password, a certificate and each QoS, and a command to a device',
  async () => {
    for (const about of ['-m 21.4', '"boot"', '-m 19.8', '-q 2']) await run(command(about));

    const valve = spawn('bash', ['-ec', `exec ${command('mosquitto_sub')}`], {
      cwd: dir,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let heard = '';
    valve.stdout.on('data', (bytes) => {
      heard += bytes;
    });
    const ended = once(valve, 'exit');
    // Whoever speaks before the valve listens is not heard.
    while (heard === '') await run(command('-m 40'));
    await ended;
    expect(heard).toBe('40\n');
    await gateway.close();

    const config = loadGatewayConfig(join(dir, 'gateway.yaml'), {});
    const { maxBytes, maxAge, whenFull, liveWithin } = config.buffer;
    const buffer = await openBuffer({
      dir: config.buffer.dir,
      maxBytes,
      maxAgeMs: maxAge,
      whenFull,
      liveWithinMs: liveWithin,
    });
    const limit = { records: 1_000, bytes: 1_000_000 };
    const stored = [...(await buffer.peek('live', 0, limit)), ...(await buffer.peek('backlog', 0, limit))];
    await buffer.close();
    const readings = stored
      .map(({ value }) => JSON.parse(value))
      .map(({ device, metric, value }) => `${device} ${metric} ${value}`);
    expect(readings).toEqual([
      'pump-1 temperature 21.4',
      'pump-1 temperature 21.5',
      'pump-1 pressure 4.2',
      'pump-2 temperature 19.8',
      'pump-1 starts 7',
    ]);
  },
);

test('its other configurations are valid ones', () => {
  const minimal = {
    gateway: { id: 'gw', site: 's' },
    buffer: { dir: 'b' },
    kafka: { brokers: ['a:1'], caFile: 'c', passwordFile: 'p' },
  };
  const [, hashed, paho, ...more] = blocks('yaml').map((block, at) => {
    const file = join(dir, `other-${at}.yaml`);
    writeFileSync(file, stringify({ ...minimal, ...parse(block) }));
    return loadGatewayConfig(file, {}).inputs.mqtt;
  });
  expect(hashed?.accounts?.map(({ username }) => username)).toEqual(['pump-1']);
  expect(paho?.local).toEqual(['#', '!devices/#']);
  expect(more).toEqual([]);
});
