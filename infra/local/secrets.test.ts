import { statSync } from 'node:fs';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { userSecrets } from './secrets.ts';

test('each user keeps a password of its own, in a file for its owner only', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'headwater-secrets-'));
  const first = userSecrets(dir.path, ['admin']);
  const second = userSecrets(dir.path, ['admin', 'hub']);
  expect(second.get('admin')).toEqual(first.get('admin'));
  expect(second.get('hub')?.password).not.toBe(second.get('admin')?.password);
  expect(statSync(second.get('hub')!.passwordFile).mode & 0o777).toBe(0o600);
});

test('a name that is no name is refused before it becomes a path', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'headwater-secrets-'));
  expect(() => userSecrets(dir.path, ['../admin'])).toThrow('"../admin" cannot be the name of a user');
});
