import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { gatewayDashboard } from './dashboards/gateway.ts';

test('the committed dashboard is what the code gives', () => {
  const file = readFileSync(new URL('./generated/gateway.json', import.meta.url), 'utf8');
  expect(JSON.parse(file), 'run: node_modules/.bin/node grafana/generate.ts').toEqual(gatewayDashboard());
});

test('every query asks for a metric that the gateway has', () => {
  const metrics = readFileSync(new URL('../gateway/health/metrics.ts', import.meta.url), 'utf8');
  for (const [, name] of JSON.stringify(gatewayDashboard()).matchAll(/headwater_gateway_(\w+?)(?:_total)?\{/g)) {
    expect(metrics).toContain(`'${name}'`);
  }
});
