import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { GatewayConfig } from './index.ts';
import { allSettings, schemaFile, settingsReference } from './reference.ts';

test.each([
  ['gateway-settings.md', settingsReference()],
  ['gateway.schema.json', schemaFile()],
])('docs/reference/%s is what the schema says', (name, wanted) => {
  const written = readFileSync(join(import.meta.dirname, '../../docs/reference', name), 'utf8');
  expect(
    written === wanted,
    `docs/reference/${name} is out of date; write it with: node gateway/config/reference.ts`,
  ).toBe(true);
});

test('every setting is described', () => {
  const sections = ['inputs', ...Object.keys(GatewayConfig.shape)];
  const silent = allSettings().filter(({ path, description }) => description === '' && !sections.includes(path));
  const names = silent.map(({ path }) => path).filter((path) => path !== 'formats[].format');
  expect(names, 'these settings need a .describe()').toEqual([]);
});

test('a setting stands there with its type, unit, default and variable', () => {
  const line = settingsReference()
    .split('\n')
    .find((text) => text.includes('`buffer.maxBytes`'));
  for (const part of ['size', 'bytes', '`2 GiB`', '`HEADWATER_GATEWAY__BUFFER__MAX_BYTES`'])
    expect(line).toContain(part);
});
