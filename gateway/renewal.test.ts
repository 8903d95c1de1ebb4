import { X509Certificate } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { expect, test, vi } from 'vitest';
import { openAuthority } from '../infra/local/index.ts';
import { openSite, unusedPort } from './testing/index.ts';

// Certificates that change while a gateway runs.

async function serverCertificate(dir: string, days?: number) {
  const { issue } = await openAuthority(join(dir, 'pki'));
  const made = await issue({ name: 'mqtt', ips: ['127.0.0.1'], server: true, ...(days !== undefined && { days }) });
  // The next one is to be another.
  for (const path of [made.certPath, made.keyPath, made.bundlePath]) rmSync(path);
  return made;
}

async function presented(url: string): Promise<string> {
  const { port } = new URL(url);
  const socket = connect({ host: '127.0.0.1', port: Number(port), rejectUnauthorized: false });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  socket.once('secureConnect', () => resolve(socket.getPeerX509Certificate()!.toString()));
  socket.once('error', reject);
  return promise.finally(() => socket.destroy());
}

test('the MQTT port shows a renewed certificate to new connections, keeps the old one while the pair is half written, and no session ends', async () => {
  await using site = await openSite();
  const [first, second] = [await serverCertificate(site.dir), await serverCertificate(site.dir)];
  site.file('mqtt.pem', first.cert);
  site.file('mqtt.key', first.key);
  site.write('  mqtt: { port: 0, anonymous: true, tls: { certFile: mqtt.pem, keyFile: mqtt.key } }');
  const gateway = await site.run();
  await gateway.checkFiles();
  const url = gateway.addresses.mqtt!;
  const device = await site.device(url, { rejectUnauthorized: false });
  const lost = vi.fn();
  device.on('close', lost);

  site.file('mqtt.pem', second.cert);
  await gateway.checkFiles();
  expect(site.warnings.splice(0)).toEqual([expect.stringContaining('do not fit each other')]);
  expect(await presented(url)).toBe(first.cert);

  writeFileSync(join(site.dir, 'new.key'), second.key);
  renameSync(join(site.dir, 'new.key'), join(site.dir, 'mqtt.key'));
  await gateway.checkFiles();
  expect(await presented(url)).toBe(second.cert);
  await device.publishAsync('devices/d/x', '1', { qos: 1 });
  expect(lost).not.toHaveBeenCalled();
  expect(site.warnings).toEqual([]);
});

test('a certificate that ends within weeks is told by status, health and metrics, until it is renewed', async () => {
  await using site = await openSite();
  const [soon, later] = [await serverCertificate(site.dir, 12), await serverCertificate(site.dir, 200)];
  site.file('mqtt.pem', soon.cert);
  site.file('mqtt.key', soon.key);
  site.write('  mqtt: { port: 0, anonymous: true, tls: { certFile: mqtt.pem, keyFile: mqtt.key } }');
  const gateway = await site.run();
  await gateway.checkFiles();
  const { status, health } = await gateway.status();
  const ends = new X509Certificate(soon.cert).validToDate.getTime();
  expect(status.certificateExpiresAt).toBe(ends);
  expect(health.reasons).toContainEqual(
    expect.stringMatching(/^the certificate mqtt expires in 11 days, on .*: write a new one to inputs\.mqtt\.tls/),
  );
  const metrics = async () => (await fetch(`${gateway.addresses.http}/metrics`)).text();
  expect(await metrics()).toMatch(
    new RegExp(`^headwater_gateway_certificate_expiry_timestamp_seconds\\{certificate="mqtt"\\} ${ends / 1_000}$`, 'm'),
  );
  expect(await metrics()).toMatch(
    /^headwater_gateway_certificate_expiry_timestamp_seconds\{certificate="kafka_ca"\} \d+$/m,
  );

  site.file('mqtt.pem', later.cert);
  site.file('mqtt.key', later.key);
  await gateway.checkFiles();
  expect((await gateway.status()).health.reasons.filter((reason) => reason.includes('certificate'))).toEqual([]);
});

test('the authorities that devices and brokers are known by are told of too', async () => {
  await using site = await openSite();
  const [server, authority] = [await serverCertificate(site.dir, 200), await serverCertificate(site.dir, 20)];
  site.file('mqtt.pem', server.cert);
  site.file('mqtt.key', server.key);
  site.file('others.pem', authority.cert);
  site.write(
    `  mqtt: { port: 0, tls: { certFile: mqtt.pem, keyFile: mqtt.key, clientCaFile: others.pem } }
  mqttClients: [{ name: house, url: "mqtts://127.0.0.1:${await unusedPort()}", caFile: others.pem, topics: [{ filter: "#" }] }]`,
  );
  const gateway = await site.run();
  const { status, health } = await gateway.status();
  const names = status.certificates?.map(({ name }) => name);
  expect(names?.toSorted()).toEqual(['kafka_ca', 'mqtt', 'mqtt-client:house:ca', 'mqtt_devices_ca']);
  for (const name of ['mqtt_devices_ca', 'mqtt-client:house:ca']) {
    expect(health.reasons).toContainEqual(expect.stringContaining(`the certificate ${name} expires in 19 days`));
  }
});

test('a gateway is healthy while its buffer answers, and not when that has ended', async () => {
  await using site = await openSite();
  site.write('  host: { every: 1h }');
  const gateway = await site.run();
  expect(await gateway.healthy()).toBe(true);
  await gateway.close();
  expect(await gateway.healthy()).toBe(false);
});
