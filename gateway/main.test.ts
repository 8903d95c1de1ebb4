import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { GatewayStatus, Reading, Rejected } from '../contract/index.ts';
import { type Buffer as DiskBuffer, openBuffer } from './buffer/index.ts';
import { GatewayConfig, loadGatewayConfig } from './config/index.ts';
import { askStatus } from './health/index.ts';
import { type Gateway, runGateway } from './main.ts';
import { CERTIFICATE, unusedPort } from './testing/index.ts';

// A gateway with real inputs and a real buffer, while Kafka is away.

const log = { debug: () => {}, info: () => {}, warn: () => {} };
const NOW = 1_800_000_000_000;
let dir: string;
let config: GatewayConfig;
const closers: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'headwater-gateway-'));
  // A certificate is read for its expiry; nobody connects with it here.
  writeFileSync(join(dir, 'ca.pem'), CERTIFICATE);
  writeFileSync(join(dir, 'kafka.password'), 'secret\n');
  writeFileSync(
    join(dir, 'gateway.yaml'),
    `
gateway: { id: gw-1, site: plant }
buffer: { dir: buffer, maxBytes: 64 MiB }
kafka: { brokers: ["127.0.0.1:${await unusedPort()}"], caFile: ca.pem, passwordFile: kafka.password }
inputs:
  mqtt: { port: 0, anonymous: true }
  host: { every: 1h }
http: { port: 0 }
clock: { trust: always }
`,
  );
  config = loadGatewayConfig(join(dir, 'gateway.yaml'), {});
});

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  rmSync(dir, { recursive: true });
});

async function run(): Promise<Gateway> {
  const gateway = await runGateway(config, { log });
  closers.push(() => gateway.close());
  return gateway;
}

async function device(gateway: Gateway): Promise<MqttClient> {
  const client = await connectAsync(gateway.addresses.mqtt!, { reconnectPeriod: 0 });
  client.on('error', () => {});
  closers.push(() => client.endAsync(true));
  return client;
}

/** Everything in the buffer of a gateway that was closed. */
async function stored(): Promise<{ kind: string; value: object }[]> {
  const { maxBytes, maxAge, whenFull, liveWithin } = config.buffer;
  const options = { dir: config.buffer.dir, maxBytes, maxAgeMs: maxAge, whenFull, liveWithinMs: liveWithin };
  const buffer: DiskBuffer = await openBuffer(options);
  const limit = { records: 10_000, bytes: 10_000_000 };
  const lanes = await Promise.all((['alarm', 'live', 'backlog'] as const).map((lane) => buffer.peek(lane, 0, limit)));
  await buffer.close();
  return lanes.flat().map(({ kind, value }) => ({ kind, value: JSON.parse(value) }));
}

test('keeps every acknowledged message over a restart while Kafka is away', async () => {
  let gateway = await run();
  let client = await device(gateway);
  for (let n = 0; n < 50; n++) await client.publishAsync('devices/d/x', `${n}`, { qos: 1 });
  await gateway.close();

  gateway = await run();
  client = await device(gateway);
  for (let n = 50; n < 100; n++) await client.publishAsync('devices/d/x', `${n}`, { qos: 1 });
  await gateway.close();

  const readings = (await stored()).map(({ value }) => Reading.parse(value)).filter(({ device }) => device === 'd');
  expect(readings.map(({ value }) => value)).toEqual(Array.from({ length: 100 }, (_, n) => n));
});

test('keeps what it cannot read as dead letters, beside what it can', async () => {
  const gateway = await run();
  const client = await device(gateway);
  await client.publishAsync('devices/d', '{"values":{"temperature":20,"humidity":400}}', { qos: 1 });
  await client.publishAsync('plant/line 1', 'on', { qos: 1 });
  await client.publishAsync('devices/d/temperature', 'NaN', { qos: 1 });
  await gateway.close();
  const rejected = (await stored()).filter(({ kind }) => kind === 'rejected').map(({ value }) => Rejected.parse(value));
  expect(rejected.map(({ code, origin }) => `${code} ${origin}`)).toEqual([
    'VALUE_OUT_OF_RANGE mqtt:devices/d',
    'TOPIC_UNKNOWN mqtt:plant/line 1',
    'NOT_JSON mqtt:devices/d/temperature',
  ]);
});

describe('its account of itself', () => {
  test('is a valid status, and says that Kafka is away but nothing is refused', async () => {
    const gateway = await run();
    const client = await device(gateway);
    await client.publishAsync('devices/d', '{"boot":"aa","n":1,"lost":4,"values":{"x":1,"y":"?"}}', { qos: 1 });
    await client.publishAsync('devices/d', '{"boot":"aa","n":1,"lost":4,"values":{"x":1,"y":"?"}}', { qos: 1 });
    await vi.waitFor(async () => expect((await gateway.status()).forwarder.error).toBeDefined());

    const { status, framesLost } = await gateway.status();
    expect(GatewayStatus.parse(status).counts).toMatchObject({ duplicates: 1, rejected: 1, forwarded: 0, lost: 0 });
    expect(framesLost).toBe(4);

    const health = await fetch(`${gateway.addresses.http}/health`);
    expect(health.status).toBe(200);
    expect(await health.json()).toMatchObject({ state: 'degraded', reasons: [expect.stringContaining('Kafka')] });

    const body = (await (await fetch(`${gateway.addresses.http}/status`)).json()) as object;
    expect(body).toMatchObject({ gateway: 'gw-1', forwarder: { state: 'waiting' }, health: { state: 'degraded' } });
    expect((await fetch(`${gateway.addresses.http}/elsewhere`)).status).toBe(404);
  });

  test('is there for Prometheus', async () => {
    const gateway = await run();
    const client = await device(gateway);
    await client.publishAsync('devices/d/x', '1', { qos: 1 });
    const response = await fetch(`${gateway.addresses.http}/metrics`);
    expect(response.headers.get('content-type')).toContain('text/plain');
    const text = await response.text();
    expect(text).toMatch(/^headwater_gateway_messages_total\{input="mqtt"\} 1$/m);
    expect(text).toMatch(/^headwater_gateway_backlog_readings\{lane="live"\} \d+$/m);
    expect(text).toMatch(/^headwater_gateway_readings_forwarded_total 0$/m);
    const again = await (await fetch(`${gateway.addresses.http}/metrics`)).text();
    expect(again).toMatch(/^headwater_gateway_messages_total\{input="mqtt"\} 1$/m);
  });

  test('says what formats and transforms left out', async () => {
    const mqtt = GatewayConfig.shape.inputs.parse({
      mqtt: {
        port: 0,
        anonymous: true,
        formats: [{ format: 'zigbee2mqtt' }],
        transform: [{ match: { metric: 'linkquality' }, drop: {} }, { deadband: { absolute: 0.5 } }],
      },
    }).mqtt!;
    config = { ...config, inputs: { ...config.inputs, mqtt } };
    const gateway = await run();
    const client = await device(gateway);
    for (const temperature of [20, 20.1, 21]) {
      const payload = JSON.stringify({ temperature, linkquality: 80 });
      await client.publishAsync('zigbee2mqtt/attic', payload, { qos: 1 });
    }
    await client.publishAsync('zigbee2mqtt/bridge/state', '{"state":"online"}', { qos: 1 });
    const text = await (await fetch(`${gateway.addresses.http}/metrics`)).text();
    expect(text).toMatch(/^headwater_gateway_readings_dropped_total\{input="mqtt",reason="condition"\} 3$/m);
    expect(text).toMatch(/^headwater_gateway_readings_dropped_total\{input="mqtt",reason="deadband"\} 1$/m);
    expect(text).toMatch(/^headwater_gateway_messages_ignored_total\{input="mqtt"\} 1$/m);
    const status = await (await fetch(`${gateway.addresses.http}/status`)).json();
    expect(status).toMatchObject({ rules: { mqtt: { dropped: { condition: 3, deadband: 1 }, ignored: 1 } } });
    await gateway.close();
    const values = (await stored()).map(({ value }) => Reading.parse(value)).filter(({ device }) => device === 'attic');
    expect(values.map(({ metric, value }) => [metric, value])).toEqual([
      ['temperature', 20],
      ['temperature', 21],
    ]);
  });
});

test('refuses devices when the buffer is full, says so, and loses nothing it acknowledged', async () => {
  config = { ...config, buffer: { ...config.buffer, maxBytes: 1_048_576 } };
  const gateway = await run();
  const client = await device(gateway);
  let acknowledged = 0;
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
  const publish = async () => {
    while (client.connected) {
      const values = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`m${i}`, acknowledged]));
      await client.publishAsync('devices/full', JSON.stringify({ values }), { qos: 1 });
      acknowledged++;
    }
  };
  await Promise.race([publish().catch(() => {}), closed]);
  await closed;

  expect((await fetch(`${gateway.addresses.http}/health`)).status).toBe(503);
  await expect(device(gateway)).rejects.toMatchObject({ code: 3 });
  await gateway.close();
  const kept = (await stored()).filter(({ value }) => 'device' in value && value.device === 'full');
  expect(kept.length).toBeGreaterThanOrEqual(acknowledged * 50);
});

test('a device that sends what is new first, and then what waited for hours, has all of it kept, once', async () => {
  const gateway = await run();
  const client = await device(gateway);
  const publish = (n: number) =>
    client.publishAsync('devices/d', JSON.stringify({ boot: 'a1b2c3', n, values: { temperature: n % 50 } }), {
      qos: 1,
    });
  // The first is no number that a device counts to.
  const numbers = [2 ** 52, 9_000, 9_001, 1, 2, 3, 8_000];
  for (const n of [...numbers, ...numbers]) await publish(n);
  expect((await gateway.status()).status.counts).toMatchObject({ duplicates: numbers.length });
  await gateway.close();
  const kept = (await stored()).filter(({ value }) => 'device' in value && value.device === 'd');
  expect(kept.map(({ value }) => (value as Reading).value)).toEqual(numbers.map((n) => n % 50));
});

test('a disk that does not let the buffer open is waited for, and who asks is told why', async () => {
  const { dir: folder } = config.buffer;
  const inTheWay = join(folder, 'buffer.db');
  mkdirSync(inTheWay, { recursive: true });
  const port = await unusedPort();
  config = { ...config, http: { ...config.http, port } };
  const running = run();
  const url = `http://127.0.0.1:${port}`;
  await vi.waitFor(
    () =>
      expect(askStatus(url)).rejects.toThrow(`the gateway at ${url} takes nothing: cannot open the buffer ${inTheWay}`),
    { timeout: 30_000, interval: 100 },
  );
  expect((await fetch(`${url}/health`)).status).toBe(503);
  rmdirSync(inTheWay);
  const gateway = await running;
  expect(gateway.addresses.http).toBe(url);
  // Not over the connection of the server that is gone.
  await vi.waitFor(async () => expect((await fetch(`${url}/health`)).status).toBe(200), 30_000);
  const client = await device(gateway);
  await client.publishAsync('devices/d/temperature', '20', { qos: 1 });
});

test('does not start on a port that is taken, and frees what it had opened', async () => {
  const gateway = await run();
  const port = Number(new URL(gateway.addresses.mqtt!).port);
  const other: GatewayConfig = {
    ...config,
    buffer: { ...config.buffer, dir: join(dir, 'other') },
    inputs: { ...config.inputs, mqtt: { ...config.inputs.mqtt!, port } },
  };
  await expect(runGateway(other, { log })).rejects.toMatchObject({ code: 'MQTT_PORT' });
  const free = { ...other, inputs: { ...other.inputs, mqtt: { ...other.inputs.mqtt!, port: 0 } } };
  const second = await runGateway(free, { log });
  await second.close();
});

test('a gateway whose machine does not know the time says that it holds readings, and later since when it runs', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: 1_000 });
  try {
    const gateway = await run();
    const client = await device(gateway);
    await client.publishAsync('devices/d/temperature', '20', { qos: 1 });
    const { health, status } = await gateway.status();
    expect(health.reasons).toContainEqual(expect.stringContaining('the clock of this machine is not set'));
    expect(status.counts.acknowledged).toBe(0);

    vi.setSystemTime(NOW);
    const later = GatewayStatus.parse((await gateway.status()).status);
    expect(later.startedAt).toBeGreaterThan(NOW - 600_000);
    expect(later.startedAt).toBeLessThanOrEqual(NOW);
    vi.setSystemTime(NOW + 7_000);
    expect((await gateway.status()).status.startedAt).toBe(later.startedAt);
  } finally {
    vi.useRealTimers();
  }
});
