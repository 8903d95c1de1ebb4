import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Health } from '../contract/index.ts';
import { gatewayMetrics } from '../gateway/health/index.ts';
import { HUB_METRICS } from '../hub/main.ts';

const page = readFileSync(join(import.meta.dirname, '../docs/how-to/monitor.md'), 'utf8');

test('the files of docs/how-to/monitor.md are what Prometheus takes', () => {
  const files = Array.from(
    page.matchAll(/```yaml\n# ([\w.]+)\n([\s\S]*?)```/g),
    ([, name, text]) => [name!, text!] as const,
  );
  expect(files.map(([name]) => name)).toEqual(['prometheus.yml', 'headwater.rules.yml']);
  const dir = mkdtempSync(join(tmpdir(), 'headwater-monitor-'));
  try {
    for (const [name, text] of files) writeFileSync(join(dir, name), text);
    const said = execFileSync('promtool', ['check', 'config', join(dir, 'prometheus.yml')], { encoding: 'utf8' });
    expect(said).toContain('SUCCESS: 2 rules found');
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('every metric and field that the page names exists', () => {
  const known = new Set([...HUB_METRICS, ...gatewayMetrics().families].map(({ name }) => name as string));
  const named = new Set(page.match(/headwater_(hub|gateway|kafka|platform)_\w+/g));
  expect([...named].map((name) => name.replace(/_bucket$/, '')).filter((name) => !known.has(name))).toEqual([]);
  for (const field of [
    'lag',
    'lagMax',
    'lagMaxOf',
    'latencyMs',
    'diskFreeBytes',
    'certificate',
    'certificateDaysLeft',
    'counts',
  ]) {
    expect(Object.keys(Health.shape)).toContain(field);
    expect(page).toContain(`\`${field}`);
  }
});
