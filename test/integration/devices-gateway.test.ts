import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { loadGatewayConfig } from '../../gateway/config/index.ts';
import { runGateway } from '../../gateway/main.ts';
import { freePorts, openAuthority } from '../../infra/local/index.ts';
import { startDevices } from '../../simulators/devices/index.ts';
import { storedReadings } from '../support/stored.ts';

const log = { debug: () => {}, info: () => {}, warn: () => {} };

test('over restarts of the gateway: acknowledged ⊆ stored ⊆ sent, and nothing twice', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-devices-'));
  const [mqttPort, nobody] = await freePorts(2);
  const authority = await openAuthority(join(dir, 'pki'));
  writeFileSync(join(dir, 'ca.pem'), authority.ca);
  writeFileSync(join(dir, 'password'), 'secret');
  writeFileSync(
    join(dir, 'gateway.yaml'),
    `
gateway: { id: gw-1, site: plant }
buffer: { dir: buffer }
kafka: { brokers: ["127.0.0.1:${nobody}"], caFile: ca.pem, passwordFile: password }
inputs: { mqtt: { port: ${mqttPort}, accounts: [{ username: devices, passwordFile: password, publish: ['devices/#'] }] } }
http: { port: 0 }
`,
  );
  const config = loadGatewayConfig(join(dir, 'gateway.yaml'), {});
  const devices = startDevices({
    url: `mqtt://127.0.0.1:${mqttPort}`,
    username: 'devices',
    password: 'secret',
    count: 24,
    ratePerDevice: 40,
    seed: 11,
    connections: 6,
    keepTruth: true,
  });
  const acknowledged = () => devices.truth().reduce((sum, truth) => sum + truth.acknowledged, 0);

  for (let restart = 0; restart < 3; restart++) {
    const gateway = await runGateway(config, { log });
    const before = acknowledged();
    await vi.waitFor(() => expect(acknowledged()).toBeGreaterThan(before + 1_500), 30_000);
    await gateway.close();
  }
  await devices.close();

  const truth = new Map<string, { acknowledged: boolean; malformed: boolean }>();
  for (const { device, records } of devices.truth()) {
    for (const { ts, values, acknowledged, malformed } of records) {
      for (const metric of Object.keys(values)) truth.set(`${device} ${metric} ${ts}`, { acknowledged, malformed });
    }
  }
  const stored = (await storedReadings(config)).map(({ device, metric, ts }) => `${device} ${metric} ${ts}`);
  expect(new Set(stored).size).toBe(stored.length);
  expect(stored.filter((key) => !truth.has(key))).toEqual([]);
  const kept = new Set(stored);
  const missing = [...truth].filter(
    ([key, { acknowledged, malformed }]) => acknowledged && !malformed && !kept.has(key),
  );
  expect(missing).toEqual([]);
  rmSync(dir, { recursive: true });
});
