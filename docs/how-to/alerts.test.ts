/** What alerts.md shows is what the hub takes and sends. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { parseConfig } from '../../contract/index.ts';
import { AlertsConfig, openChannel, parseMatcher, parseRules } from '../../hub/alerts/index.ts';
import { HubConfig } from '../../hub/config/index.ts';
import { openReceiver } from '../../hub/testing/index.ts';

const text = readFileSync(new URL('alerts.md', import.meta.url), 'utf8');
const block = (language: string) => new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(text)![1]!;
const minimal = `hub: { id: h, dataDir: d }
kafka: { brokers: [a:1], caFile: c, passwordFiles: { hub: h, sources: s, page: p } }
`;

test('the channels are settings of a hub, one of each kind', () => {
  const source = { text: minimal + block('yaml'), file: 'hub.yaml', env: {}, prefix: 'HEADWATER_HUB' };
  const { alerts } = parseConfig(HubConfig, source);
  expect(alerts.channels.map(({ kind }) => kind).sort()).toEqual(['alertmanager', 'email', 'ntfy', 'slack', 'webhook']);
  expect(alerts).toMatchObject({ groupWait: 15_000, groupInterval: 60_000, repeatEvery: 14_400_000 });
});

test('the conditions are read', () => {
  for (const [, condition] of text.matchAll(/silence (\S+) '(?:[^']+)'/g)) parseMatcher(condition!);
  expect(parseMatcher('rule=temperature-*')).toEqual({ label: 'rule', op: '=', value: 'temperature-*' });
});

test('the check of a signature takes what the hub sends, and nothing else', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-webhook-'));
  const receiver = await openReceiver();
  try {
    const [module, secretFile] = [join(dir, 'check.mjs'), join(dir, 'secret')];
    writeFileSync(module, block('js'));
    writeFileSync(secretFile, 'swordfish\n', { mode: 0o600 });
    const { isGenuine } = await import(pathToFileURL(module).href);
    const route = { name: 'w', severities: ['info' as const], match: [], resolved: true };
    const channel = openChannel({ kind: 'webhook', ...route, url: receiver.url, secretFile });
    const now = Date.now();
    const about = { id: 'n', ts: now, group: 'g', labels: {}, state: 'firing', repeated: false } as const;
    await channel.send(
      { ...about, firing: 0, resolved: 0, alerts: [], omitted: 0, repeatBy: now },
      AbortSignal.timeout(60_000),
    );
    const { headers, body } = receiver.received[0]!;
    const sentAt = Number(headers['headwater-timestamp']) * 1_000;
    expect(isGenuine(headers, body, 'swordfish', sentAt)).toBe(true);
    expect(isGenuine(headers, `${body} `, 'swordfish', sentAt)).toBe(false);
    expect(isGenuine(headers, body, 'other', sentAt)).toBe(false);
    expect(isGenuine(headers, body, 'swordfish', sentAt + 600_000)).toBe(false);
    expect(
      isGenuine({ ...headers, 'headwater-timestamp': String(sentAt / 1_000 + 1) }, body, 'swordfish', sentAt),
    ).toBe(false);
    expect(isGenuine({}, body, 'swordfish', sentAt)).toBe(false);
  } finally {
    await receiver.close();
    rmSync(dir, { recursive: true });
  }
});

test('the reference names every setting', () => {
  const reference = readFileSync(new URL('../reference/alert-settings.md', import.meta.url), 'utf8');
  const schema = JSON.stringify(z.toJSONSchema(AlertsConfig, { io: 'input', unrepresentable: 'any' }));
  const names = Array.from(
    schema.matchAll(/"(\w+)":\{"(?:type|default|anyOf|description|pattern|const|enum)/g),
    ([, name]) => name!,
  );
  const settings = new Set(names.filter((name) => !['properties', 'items'].includes(name)));
  expect(settings.size).toBeGreaterThan(20);
  for (const name of settings) expect(reference, name).toContain(`\`${name}\``);
});

test('the rule of add-a-rule.md is one, and its table names every field', () => {
  const page = readFileSync(new URL('add-a-rule.md', import.meta.url), 'utf8');
  const [, yaml] = /```yaml\n(.*?)```/s.exec(page)!;
  const { rules, problems } = parseRules(yaml!);
  expect(problems).toEqual([]);
  for (const field of Object.keys(rules[0]!))
    if (!['time', 'forMs'].includes(field)) expect(page).toContain(`\`${field}\``);
});
