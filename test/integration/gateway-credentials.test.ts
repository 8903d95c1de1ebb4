import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { GatewayStatus, TOPICS } from '../../contract/index.ts';
import { loadGatewayConfig } from '../../gateway/config/index.ts';
import { type Gateway, runGateway } from '../../gateway/main.ts';
import { provision } from '../../hub/topics/index.ts';
import { openAuthority } from '../../infra/local/index.ts';
import { collect, openTestBed, type TestBed, until } from '../support/testbed.ts';

// A gateway's credentials are renewed while it forwards to real Kafka: nothing is lost, and nothing is sent twice.

let bed: TestBed;
let dir: string;

beforeAll(async () => {
  bed = await openTestBed();
  await provision(bed.as('admin'), 1);
});
afterAll(() => bed?.close());

const inDir = (name: string) => join(dir, name);

/** Runs a gateway and publishes to it all the while that `meanwhile` does its work; gives what arrived in Kafka. */
async function forwarding(kafka: object, meanwhile: (gateway: Gateway, warnings: string[]) => Promise<void>) {
  const warnings: string[] = [];
  const log = { debug() {}, info() {}, warn: (_: object, message: string) => void warnings.push(message) };
  const settings = {
    gateway: { id: `gw-${Math.random().toString(36).slice(2, 8)}`, site: 'plant' },
    buffer: { dir: inDir('buffer') },
    kafka: { caFile: inDir('ca.pem'), ...kafka },
    inputs: { mqtt: { port: 0, anonymous: true } },
    http: { port: 0 },
  };
  writeFileSync(inDir('gateway.yaml'), stringify(settings));
  const raw = await collect(bed, TOPICS.raw.name);
  const gateway = await runGateway(loadGatewayConfig(inDir('gateway.yaml'), {}), { log });
  const device = await connectAsync(gateway.addresses.mqtt!, { reconnectPeriod: 0 });
  let publishing = true;
  let published = 0;
  const publisher = (async () => {
    for (; publishing; published++) await device.publishAsync('devices/d/x', String(published), { qos: 1 });
  })();
  try {
    await until('forwarding', 30, async () => (await gateway.status()).buffer.counts.forwarded > 50);
    await gateway.checkFiles();
    await meanwhile(gateway, warnings);
    publishing = false;
    await publisher;
    await until('everything is forwarded', 30, async () => (await gateway.status()).buffer.readings === 0);
  } finally {
    publishing = false;
    await publisher.catch(() => {});
    await device.endAsync(true);
    await gateway.close();
  }
  const records = (await raw.toEnd()).filter(({ key }) => key === settings.gateway.id);
  await raw.close();
  const values = records.map(({ value }) => JSON.parse(`${value}`).value as number);
  expect(values).toEqual(Array.from({ length: published }, (_, n) => n));
  return { gateway: settings.gateway.id, warnings };
}

const forwardsMore = async (gateway: Gateway) => {
  const before = (await gateway.status()).buffer.counts.forwarded;
  await until('more is forwarded', 30, async () => (await gateway.status()).buffer.counts.forwarded > before + 100);
};

test('a password is changed on the cluster and in the file; a wrong one in the file does no harm', async () => {
  await using _ = fresh();
  const { password } = bed.as('gateway');
  writeFileSync(inDir('password'), password);
  await forwarding({ brokers: bed.cluster.bootstrap, passwordFile: inDir('password') }, async (gateway, warnings) => {
    writeFileSync(inDir('password'), 'mistyped');
    await gateway.checkFiles();
    await until('the wrong password is told', 30, async () => (await gateway.status()).forwarder.warning !== undefined);
    expect(warnings.join('\n')).toContain('forwarding goes on over the old one');
    await forwardsMore(gateway);

    await bed.cluster.setPassword('gateway', 'another');
    writeFileSync(inDir('password'), 'another');
    await gateway.checkFiles();
    await until('the new one is in use', 30, async () => (await gateway.status()).forwarder.warning === undefined);
    await forwardsMore(gateway);
  });
  await bed.cluster.setPassword('gateway', password);
});

test('a client certificate and the list of authorities are renewed under mutual TLS; status and topic tell their ends', async () => {
  await using _ = fresh();
  const { bootstrap, issue } = bed.cluster.mutualTls;
  const first = await issue('gateway');
  for (const path of [first.certPath, first.keyPath, first.bundlePath]) rmSync(path);
  const second = await issue('gateway');
  writeFileSync(inDir('cert.pem'), first.cert);
  writeFileSync(inDir('key.pem'), first.key);
  const kafka = { brokers: bootstrap, certFile: inDir('cert.pem'), keyFile: inDir('key.pem') };
  const { gateway: id, warnings } = await forwarding(kafka, async (gateway) => {
    const names = (await gateway.status()).status.certificates!.map(({ name }) => name);
    expect(names.sort()).toEqual(['kafka_broker', 'kafka_ca', 'kafka_client']);

    writeFileSync(inDir('cert.pem'), second.cert);
    await gateway.checkFiles();
    await forwardsMore(gateway);
    writeFileSync(inDir('key.pem'), second.key);
    writeFileSync(inDir('ca.pem'), bed.cluster.ca + (await openAuthority(inDir('other'))).ca);
    await gateway.checkFiles();
    await forwardsMore(gateway);
  });
  expect(warnings).toEqual([expect.stringContaining('do not fit each other')]);

  const told = await collect(bed, TOPICS.gateways.name);
  const mine = (await told.toEnd()).filter(({ key }) => key === id);
  await told.close();
  const last = GatewayStatus.parse(JSON.parse(`${mine.at(-1)!.value}`));
  expect(last).toMatchObject({ state: 'stopped', backlog: { readings: 0 } });
  expect(last.certificates!.map(({ name }) => name)).toContain('kafka_client');
});

/** A folder for one test. */
function fresh(): AsyncDisposable {
  dir = mkdtempSync(join(tmpdir(), 'headwater-credentials-'));
  writeFileSync(inDir('ca.pem'), bed.cluster.ca);
  const mine = dir;
  return { [Symbol.asyncDispose]: async () => rmSync(mine, { recursive: true }) };
}
