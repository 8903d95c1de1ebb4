import * as units from '@grafana/grafana-foundation-sdk/units';
import { expect, test } from 'vitest';
import { METRICS } from '../contract/index.ts';
import { DASHBOARDS } from './dashboards/index.ts';
import { grafanaUnit, KNOWN_UNITS } from './units.ts';

const known = new Set<unknown>(Object.values(units));

test('units of readings are Grafana’s where it has them, and written out where not', () => {
  expect(grafanaUnit('Cel')).toBe('celsius');
  expect(grafanaUnit('hPa')).toBe('pressurehpa');
  expect(grafanaUnit('mm/s')).toBe('suffix: mm/s');
  for (const { unit } of Object.values(METRICS)) expect([...KNOWN_UNITS, '1']).toContain(unit);
});

test('every unit of a panel is one that Grafana has', () => {
  const used = DASHBOARDS.flatMap(({ rows }) => rows.flatMap(({ panels }) => panels)).flatMap((panel) => [
    panel.unit,
    ...Object.values(panel.columns ?? {}).map(({ unit }) => unit),
  ]);
  for (const unit of used) if (unit !== undefined && !unit.startsWith('suffix:')) expect(known, unit).toContain(unit);
});
