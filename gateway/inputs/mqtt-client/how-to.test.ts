import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { findMosquitto, openAuthority, startMosquitto } from '../../../infra/local/index.ts';
import { loadGatewayConfig } from '../../config/index.ts';
import type { Message } from '../input.ts';
import { mqttClientPlan } from './plan.ts';

// Runs what docs/how-to/existing-broker.md tells people to write, with a broker on this machine.

const page = readFileSync(join(import.meta.dirname, '../../../docs/how-to/existing-broker.md'), 'utf8');
const blocks = (language: string) =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, 'g'))].map((m) => m[1]!);

test.skipIf(findMosquitto('mosquitto_pub') === undefined)('the page on a broker that exists is true', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-how-to-'));
  const authority = await openAuthority(join(dir, 'pki'));
  const tls = await authority.issue({ name: 'broker', dns: ['localhost'], server: true });
  const env = {
    ...process.env,
    PATH: [process.env.PATH, dirname(findMosquitto('mosquitto_pub')!)].join(delimiter),
    GATEWAY_PASSWORD: 'secret',
    SENSORS_PASSWORD: 'secret too',
  };
  const run = (command: string) => execFileSync('sh', ['-e', '-c', command], { cwd: dir, env, stdio: 'pipe' });
  const commands = blocks('sh');
  const written = (program: string) => commands.find((block) => block.startsWith(program))!;

  run(written('mosquitto_passwd'));
  const mosquitto = await startMosquitto({
    dir: join(dir, 'mosquitto'),
    tls: { ...tls, caPath: authority.caPath },
    settings: [...blocks('text')[0]!.trim().split('\n'), 'allow_anonymous false', `password_file ${dir}/passwords`],
  });
  const here = (text: string) =>
    text.replaceAll('broker.example.org', 'localhost').replaceAll('8883', `${mosquitto.port}`);

  const common =
    'gateway: { id: workshop-1, site: s }\nbuffer: { dir: "." }\nkafka: { brokers: ["k:1"], caFile: c, passwordFile: p }\n';
  writeFileSync(join(dir, 'gateway.yaml'), common + here(blocks('yaml')[0]!));
  writeFileSync(join(dir, 'broker.password'), 'secret\n');
  writeFileSync(join(dir, 'broker-ca.pem'), authority.ca);
  const config = loadGatewayConfig(join(dir, 'gateway.yaml'), {});
  const loaded = await mqttClientPlan(config.inputs.mqttClients[0]!, config, { debug: () => {} }).load();
  const input = loaded.open();
  const messages: Message[] = [];
  await input.start((message) => {
    messages.push(message);
    return { id: undefined, outcome: Promise.resolve('stored'), size: 0 };
  });
  const patience = { timeout: 20_000 };
  await vi.waitFor(() => expect(input.status().state).toBe('ok'), patience);
  run(here(written('mosquitto_pub')));
  await vi.waitFor(
    () => expect(messages.map((its) => `${its.topic} ${its.payload}`)).toEqual(['devices/boiler/temperature 61.5']),
    patience,
  );
  expect(messages[0]!.source).toBe('mqtt-client:hall');

  await input.close();
  run(here(written('mosquitto_sub')));
  const again = loaded.open();
  await again.start(() => expect.fail('a message came'));
  await vi.waitFor(() => expect(again.status().detail).toContain('the broker lost the session'), patience);
  await again.close();
  await mosquitto.stop();
  rmSync(dir, { recursive: true });
});
