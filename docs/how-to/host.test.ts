/** What host.md shows is what a gateway takes, measures and says. */
import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { duration, METRICS, Reading } from '../../contract/index.ts';
import { openBuffer, type Submission } from '../../gateway/buffer/index.ts';
import { loadGatewayConfig } from '../../gateway/config/index.ts';
import { askStatus, describeStatus } from '../../gateway/health/index.ts';
import { configuredRules, Decoder } from '../../gateway/inputs/index.ts';
import { openSite } from '../../gateway/testing/index.ts';
import { parseRules } from '../../hub/alerts/index.ts';

const text = readFileSync(new URL('host.md', import.meta.url), 'utf8');
const blocks = (language: string) =>
  Array.from(text.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs')), ([, block]) => block!);
/** What stands below `inputs:`. */
const inputs = (n: number) => blocks('yaml')[n]!.replace('inputs:\n', '');

test('a gateway measures what the table says, in its units, and says so in its status', async () => {
  await using site = await openSite();
  site.write(inputs(0));
  const gateway = await site.run();
  await vi.waitFor(async () => {
    const said = describeStatus(await askStatus(gateway.addresses.http!), Date.now());
    expect(said.split('\n')).toContain(blocks('text')[0]!.trim());
  });
  await vi.waitFor(async () => expect((await gateway.status()).status.counts.acknowledged).toBeGreaterThan(2));
  await gateway.close();

  const { dir, maxBytes, maxAge, whenFull, liveWithin } = loadGatewayConfig(site.configFile, {}).buffer;
  const buffer = await openBuffer({ dir, maxBytes, maxAgeMs: maxAge, whenFull, liveWithinMs: liveWithin });
  const entries = await buffer.peek('live', 0, { records: 100, bytes: 1e6 });
  await buffer.close();
  const readings = entries.map(({ value }) => Reading.parse(JSON.parse(value)));
  expect(new Set(readings.map(({ device }) => device))).toEqual(new Set(['gw-1-host']));
  const rows = [...text.matchAll(/^\| `([\w.]+)` \| `([^`]+)` \|/gm)].map(([, metric, unit]) => `${metric} ${unit}`);
  // Not every machine tells its temperature.
  const temperature = `cpu.temperature ${METRICS['cpu.temperature']!.unit}`;
  const measured = readings.map(({ metric, unit }) => `${metric} ${unit}`);
  expect(new Set(rows)).toEqual(new Set([...measured, temperature]));
});

test('the transform leaves what is shown', async () => {
  await using site = await openSite();
  site.write(inputs(1));
  const rules = configuredRules(loadGatewayConfig(site.configFile, {}));
  const decoder = new Decoder({ gateway: 'pump-7', site: 's', rules });
  for (const example of blocks('text')[1]!.split('\n\n')) {
    const lines = (key: string) =>
      Array.from(example.matchAll(new RegExp(`^${key}: (.*)$`, 'gm')), ([, line]) => line!);
    const at = 1_800_000_000_000 + duration.parse(lines('at')[0] ?? 0);
    const kept: Reading[] = [];
    const submit = async ({ entries }: Submission) => {
      kept.push(...entries.map(({ value }) => Reading.parse(JSON.parse(value))));
      return 'stored' as const;
    };
    await decoder.receive({ source: 'host', payload: Buffer.from(lines('payload')[0]!) }, at, submit).outcome;
    const told = kept.map(({ device, metric, value, unit }) => `${device} ${metric} ${value} ${unit}`);
    expect(told).toEqual(lines('reading'));
  }
});

test('the rule is one', () => {
  const { rules, problems } = parseRules(blocks('yaml')[2]!);
  expect(problems).toEqual([]);
  expect(rules).toMatchObject([{ id: 'gateway-too-hot', forMs: 300_000 }]);
});
