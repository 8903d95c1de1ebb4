import { expect, test } from 'vitest';
import { parseConfig } from '../../../contract/index.ts';
import { formats } from './formats.ts';
import { transform } from './transform.ts';

function problem(schema: typeof formats | typeof transform, text: string): string {
  try {
    parseConfig(schema, { text, file: 'gateway.yaml', env: {}, prefix: 'X' });
  } catch (error) {
    return (error as { details: string[] }).details.join('\n');
  }
  return expect.fail('the configuration was accepted');
}

test.each([
  ['a topic pattern that is none', '[{ topic: "a/#/b", format: json, device: d }]', '0.topic (line 1): has "#" before'],
  ['a plain number that names no metric', '[{ topic: "s/{device}", format: number }]', 'must have a level {metric}'],
  ['a part nobody knows', '[{ topic: "s/{device}/{site}", format: json }]', 'has {site}; it can name {device}'],
  ['no device', '[{ topic: "s/#", format: influx }]', '0.device (line 1): is not known'],
  ['two devices', '[{ topic: "s/{device}", format: json, device: id }]', 'stands in the topic as well'],
  [
    'a time column that is none',
    '[{ topic: "s/{device}", format: csv, columns: [a], time: { column: t, unit: s } }]',
    'is "t"',
  ],
  ['a column twice', '[{ topic: "s/{device}", format: csv, columns: [a, _, a, _] }]', 'has "a" twice'],
  ['an unknown format', '[{ topic: "s/{device}", format: xml }]', '0.format'],
])('formats are refused with %s', (_name, text, reason) => {
  expect(problem(formats, text)).toContain(reason);
});

test.each([
  ['nothing to do', '[{ match: { metric: x } }]', 'has nothing to do'],
  ['two things to do', '[{ drop: {}, scale: { factor: 2 } }]', 'has scale and drop'],
  [
    'units of two kinds',
    '[{ convert: { from: degF, to: hPa } }]',
    '0.convert (line 1): cannot make hPa (pressure) of degF',
  ],
  ['a unit nobody knows', '[{ convert: { from: furlong, to: m } }]', 'does not know the unit "furlong"'],
  ['a new name that is none', '[{ rename: { metric: "{metric} new" } }]', 'must be a name'],
  ['a deadband of both kinds', '[{ deadband: { absolute: 1, percent: 1 } }]', 'must have either absolute or percent'],
  ['a rate limit of nothing', '[{ rateLimit: { every: 0 } }]', 'at least 1 ms'],
  ['code', '[{ eval: "value * 2" }]', '0.eval (line 1): is not a setting'],
])('a transform is refused with %s', (_name, text, reason) => {
  expect(problem(transform, text)).toContain(reason);
});
