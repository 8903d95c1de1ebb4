import { expect, test } from 'vitest';
import { openAuthority } from '../infra/local/index.ts';
import { checkFiles } from './check.ts';
import { loadGatewayConfig } from './config/index.ts';
import { openSite } from './testing/index.ts';

test.each([
  ['no certificate at all', () => 'secret'],
  ['one that was cut short', (ca: string) => ca.slice(0, ca.length / 2)],
])('an authority of client certificates is refused before it is used: %s', async (_name, made) => {
  await using site = await openSite();
  const { ca, issue } = await openAuthority(site.dir);
  const { certPath, keyPath } = await issue({ name: 'mqtt', ips: ['127.0.0.1'], server: true });
  site.file('devices.pem', made(ca));
  const tls = `{ certFile: ${certPath}, keyFile: ${keyPath}, clientCaFile: devices.pem }`;
  site.write(`  mqtt: { port: 0, tls: ${tls} }`);
  site.file('ca.pem', ca);
  const checking = checkFiles(loadGatewayConfig(site.configFile, {}));
  await expect(checking).rejects.toMatchObject({ details: [expect.stringContaining('inputs.mqtt.tls.clientCaFile')] });
});

test.each(['taken', 'taken/below'])('a buffer’s folder that cannot be one is told: %s', async (dir) => {
  await using site = await openSite();
  site.file('taken', 'a file');
  site.write(`  host: {}\nbuffer: { dir: ${dir} }`);
  const checking = checkFiles(loadGatewayConfig(site.configFile, {}));
  await expect(checking).rejects.toMatchObject({
    details: [expect.stringMatching(/^buffer\.dir is .*taken is a file; name a folder$/)],
  });
});

test('a buffer’s folder that is not there yet, or is there, is no problem', async () => {
  await using site = await openSite();
  site.write('  host: {}\nbuffer: { dir: not/there }');
  await checkFiles(loadGatewayConfig(site.configFile, {}));
  site.write('  host: {}\nbuffer: { dir: . }');
  await checkFiles(loadGatewayConfig(site.configFile, {}));
});
