import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { gatewayMetrics } from '../gateway/health/index.ts';
import { HUB_METRICS } from '../hub/main.ts';
import { metricsReference } from './metrics-reference.ts';

test('docs/reference/metrics.md is what the declarations say', async () => {
  const written = readFileSync(join(import.meta.dirname, '../docs/reference/metrics.md'), 'utf8');
  const wanted = await metricsReference();
  expect(
    written === wanted,
    'docs/reference/metrics.md is out of date; write it with: node test/metrics-reference.ts',
  ).toBe(true);
});

test('metrics of the hub are named by the conventions, and explained in a sentence', () => {
  expect(new Set(HUB_METRICS.map(({ name }) => name)).size).toBe(HUB_METRICS.length);
  for (const { name, type, help } of HUB_METRICS) {
    expect(name.endsWith('_total'), name).toBe(type === 'counter');
    expect(name).not.toMatch(/_(ms|milliseconds|minutes|kb|mb|kilobytes|percent|count|sum|bucket)(_|$)/);
    expect(help, name).toMatch(/^[\p{L}\d].*\.$/u);
  }
});

test('no metric is told apart by what devices, visitors or customers may name: their number is bounded', () => {
  const labels = [...HUB_METRICS, ...gatewayMetrics().families].flatMap((family) => family.labels ?? []);
  const ofCode = ['code', 'lane', 'reason', 'severity', 'state', 'step', 'topic', 'version'];
  const ofSettings = ['certificate', 'channel', 'group', 'hub', 'input', 'rule', 'source'];
  const ofMachines = ['broker', 'connector'];
  expect(labels.filter((label) => ![...ofCode, ...ofSettings, ...ofMachines].includes(label))).toEqual([]);
});
