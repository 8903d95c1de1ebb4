import { readFileSync, statSync } from 'node:fs';
import { mkdtempDisposable } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import { expect, test } from 'vitest';
import { type Authority, type Certificate, openAuthority } from './pki.ts';

const SERVER = { name: 'pump', dns: ['localhost'], ips: ['127.0.0.1', '::1'], server: true };
const inDays = (days: number) => () => new Date(Date.now() + days * 86_400_000);
const folder = () => mkdtempDisposable(join(tmpdir(), 'headwater-pki-'));

/** The common name the server saw, after a mutual handshake with a client that trusts `authority`. */
async function handshake(authority: Authority, server: Certificate, client: Certificate): Promise<string> {
  const listener = createServer({ ...server, ca: authority.ca, requestCert: true });
  const seen = new Promise<string>((resolve) => {
    listener.once('secureConnection', (socket) => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.end();
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  try {
    await new Promise<void>((resolve, reject) => {
      const { port } = listener.address() as AddressInfo;
      const socket = connect({ port, host: '127.0.0.1', ...client, ca: authority.ca }, resolve);
      socket.on('error', reject).resume();
    });
    return await seen;
  } finally {
    listener.close();
  }
}

test('certificates of one authority prove both sides of a connection', async () => {
  await using dir = await folder();
  const authority = await openAuthority(dir.path);
  const [server, client] = [await authority.issue(SERVER), await authority.issue({ name: 'technician', client: true })];
  expect(await handshake(authority, server, client)).toBe('technician');
});

test('a certificate of another authority is refused', async () => {
  await using here = await folder();
  await using there = await folder();
  const authority = await openAuthority(here.path);
  const foreign = await (await openAuthority(there.path)).issue(SERVER);
  const client = await authority.issue({ name: 'technician', client: true });
  await expect(handshake(authority, foreign, client)).rejects.toThrow(/certificate/);
});

test('a certificate is kept until it nears its end or no longer fits', async () => {
  await using dir = await folder();
  const first = await (await openAuthority(dir.path)).issue(SERVER);
  expect(await (await openAuthority(dir.path, inDays(200))).issue(SERVER)).toEqual(first);
  const renewed = await (await openAuthority(dir.path, inDays(300))).issue(SERVER);
  expect(renewed.cert).not.toBe(first.cert);
  const wider = { ...SERVER, dns: ['localhost', 'pump.local'] };
  expect((await (await openAuthority(dir.path, inDays(300))).issue(wider)).cert).not.toBe(renewed.cert);
});

test('an authority near its end is replaced, and what it signed with it', async () => {
  await using dir = await folder();
  const old = await openAuthority(dir.path);
  const first = await old.issue({ ...SERVER, days: 3_650 });
  const next = await openAuthority(dir.path, inDays(3_000));
  expect(next.ca).not.toBe(old.ca);
  expect((await next.issue({ ...SERVER, days: 3_650 })).cert).not.toBe(first.cert);
});

test('keys can be read by their owner only', async () => {
  await using dir = await folder();
  const { keyPath, bundlePath, key, cert } = await (await openAuthority(dir.path)).issue(SERVER);
  expect([dir.path, join(dir.path, 'ca.key'), keyPath, bundlePath].map((path) => statSync(path).mode & 0o777)).toEqual([
    0o700, 0o600, 0o600, 0o600,
  ]);
  expect(readFileSync(bundlePath, 'utf8').startsWith(key + cert)).toBe(true);
});
