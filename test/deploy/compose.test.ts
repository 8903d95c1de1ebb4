import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

const dir = fileURLToPath(new URL('../../infra/compose', import.meta.url));

test('the compose file builds from files that exist and gives its service no more than it needs', () => {
  const { services, volumes } = parse(readFileSync(join(dir, 'compose.yaml'), 'utf8'));
  const { platform } = services;
  expect(existsSync(resolve(dir, platform.build.context, platform.build.dockerfile))).toBe(true);
  expect(platform).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
  for (const volume of platform.volumes) expect(volumes).toHaveProperty(volume.split(':')[0]);
});

test('the image runs a command that exists, as a user that is not root', () => {
  const file = readFileSync(join(dir, 'Dockerfile'), 'utf8');
  expect(file).toMatch(/^USER headwater$/m);
  expect(existsSync(resolve(dir, '../..', 'cli/main.ts'))).toBe(true);
});
