import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { Reading } from '../../contract/index.ts';
import { openBuffer } from '../../gateway/buffer/index.ts';
import { type GatewayConfig, loadGatewayConfig } from '../../gateway/config/index.ts';
import { runGateway } from '../../gateway/main.ts';
import { freePorts, openAuthority } from '../../infra/local/index.ts';
import { startDevices } from '../../simulators/devices/index.ts';

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
  const stored = await readings(config);
  expect(new Set(stored).size).toBe(stored.length);
  expect(stored.filter((key) => !truth.has(key))).toEqual([]);
  const kept = new Set(stored);
  const missing = [...truth].filter(
    ([key, { acknowledged, malformed }]) => acknowledged && !malformed && !kept.has(key),
  );
  expect(missing).toEqual([]);
  rmSync(dir, { recursive: true });
});

/** Every reading in the buffer of a gateway that was closed, as `device metric ts`. */
async function readings(config: GatewayConfig): Promise<string[]> {
  const { dir, maxBytes, maxAge, whenFull, liveWithin } = config.buffer;
  const buffer = await openBuffer({ dir, maxBytes, maxAgeMs: maxAge, whenFull, liveWithinMs: liveWithin });
  const keys: string[] = [];
  for (const lane of ['alarm', 'live', 'backlog'] as const) {
    let after = 0;
    for (;;) {
      const records = await buffer.peek(lane, after, { records: 5_000, bytes: 10_000_000 });
      if (records.length === 0) break;
      for (const { kind, value } of records) {
        if (kind !== 'reading') continue;
        const { device, metric, ts } = Reading.parse(JSON.parse(value));
        keys.push(`${device} ${metric} ${ts}`);
      }
      after = records.at(-1)!.sequence;
    }
  }
  await buffer.close();
  return keys;
}
