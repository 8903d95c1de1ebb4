import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openAuthority } from '../../infra/local/index.ts';
import { authoritiesExpiry, chainExpiry } from '../../kafka/index.ts';
import { readCertificates, readPair, watchFiles } from './index.ts';

let dir: string;
const closers: (() => void)[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'headwater-credentials-'));
});
afterEach(() => {
  for (const close of closers.splice(0)) close();
  rmSync(dir, { recursive: true });
});

const path = (name: string) => join(dir, name);
const issued = async (name: string, authority = 'pki') =>
  (await openAuthority(path(authority))).issue({ name, client: true });

/** Watches a pair of files; gives what is in use and what was logged. */
async function watchPair() {
  const files = { certFile: path('cert.pem'), keyFile: path('key.pem') };
  const first = await issued('one');
  writeFileSync(files.certFile, first.cert);
  writeFileSync(files.keyFile, first.key);
  const state = { pair: readPair(files, 'kafka'), renewals: 0, warnings: [] as string[] };
  const watch = watchFiles({
    watched: () => [
      {
        what: 'the pair',
        files: [files.certFile, files.keyFile],
        async renew() {
          state.pair = readPair(files, 'kafka');
          state.renewals++;
        },
      },
    ],
    everyMs: 60_000,
    log: { info: () => {}, warn: (_, message) => void state.warnings.push(message) },
  });
  closers.push(watch.close);
  await watch.check();
  return { files, first, state, check: watch.check };
}

test('a pair that was renewed is taken over, half of it is not, and nothing is read twice', async () => {
  const { files, first, state, check } = await watchPair();
  const second = await issued('two');
  await check();
  expect(state).toMatchObject({ renewals: 0, warnings: [] });

  writeFileSync(files.certFile, second.cert);
  await check();
  expect(state.pair.cert).toBe(first.cert.trim());
  expect(state.warnings).toEqual([expect.stringContaining('the old stays in use')]);
  expect(state.warnings[0]).toMatch(/cert\.pem.*key\.pem.*do not fit each other/);
  await check();
  expect(state.warnings).toHaveLength(1);

  writeFileSync(files.keyFile, second.key);
  await check();
  expect(state).toMatchObject({ renewals: 1, pair: { cert: second.cert.trim(), key: second.key.trim() } });
});

test.each([
  ['cut short', (cert: string) => cert.slice(0, cert.length / 2)],
  ['cut short in its second certificate', (cert: string) => cert + cert.slice(0, cert.length / 2)],
  ['empty', () => ''],
  ['something else', () => 'hello'],
])('a certificate that is %s is refused, and taken when it is whole', async (_, broken) => {
  const { files, first, state, check } = await watchPair();
  writeFileSync(files.certFile, broken(first.cert));
  await check();
  expect(state).toMatchObject({ renewals: 0, warnings: [expect.stringContaining('cert.pem')] });
  writeFileSync(files.certFile, `${first.cert}\n`);
  await check();
  expect(state.renewals).toBe(1);
});

test('a file that is replaced by a rename or through a link is seen, and one that is gone is told', async () => {
  const { files, state, check } = await watchPair();
  const second = await issued('two');
  symlinkSync(second.certPath, path('link'));
  renameSync(path('link'), files.certFile);
  symlinkSync(second.keyPath, path('link'));
  renameSync(path('link'), files.keyFile);
  await check();
  expect(state.renewals).toBe(1);
  rmSync(files.keyFile);
  await check();
  expect(state.warnings).toEqual([expect.stringContaining('kafka.keyFile cannot be read')]);
});

test('of a chain the first end counts, of a list of authorities the last', async () => {
  const [a, b] = [await issued('one'), await openAuthority(path('pki'))];
  writeFileSync(path('list.pem'), a.cert + b.ca);
  const list = readCertificates(path('list.pem'), 'kafka.caFile');
  expect(authoritiesExpiry(list)).toBe(chainExpiry(b.ca));
  expect(chainExpiry(list)).toBe(chainExpiry(a.cert));
  expect(chainExpiry(list)).toBeLessThan(authoritiesExpiry(list));
});
