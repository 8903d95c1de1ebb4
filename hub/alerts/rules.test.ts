import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadRules, parseRules } from './rules.ts';

const rule = (more: string) => `- id: a\n  severity: info\n  summary: x\n  topic: anomalies\n${more}`;

test('the rules that come with Headwater are sound', () => {
  expect(loadRules().map(({ id }) => id)).toContain('gateway-silent');
});

test('durations are read with their units, and a topic names its own series', () => {
  const { rules } = parseRules(rule('  when: { count: 3, within: 5m }\n  for: 1500ms'));
  expect(rules).toMatchObject([{ series: 'series', time: 'ts', forMs: 1_500, when: { count: 3, within: 300_000 } }]);
  expect(parseRules(rule('  when: { silentFor: 30s }').replace('anomalies', 'gateways')).rules[0]!.series).toBe(
    'gateway',
  );
});

test('an alert is about what its topic is about, and what its rule adds', () => {
  const { rules } = parseRules(
    rule('  when: { silentFor: 30s }\n  labels: { version: version }').replace('anomalies', 'gateways'),
  );
  expect(rules[0]).toMatchObject({
    labels: { site: 'site', gateway: 'gateway', version: 'version' },
    groupBy: ['rule', 'site'],
    inhibitedBy: [],
  });
});

test.each([
  ['an unknown topic', rule('  when: { silentFor: 30s }').replace('anomalies', 'iot.raw'), /0\.topic/],
  ['a duration without unit', rule('  when: { silentFor: 30 }'), /0\.when/],
  ['a band without bounds', rule('  when: { field: score }'), /0\.when/],
  ['a misspelt key', rule('  when: { silentFor: 30s }\n  fro: 1m'), /fro/],
  [
    'a group by what the alert does not say',
    rule('  when: { silentFor: 30s }\n  groupBy: [device]'),
    /0\.groupBy: .*device/,
  ],
  ['a label that is no name', rule('  when: { silentFor: 30s }\n  labels: { "a b": x }'), /0\.labels/],
  ['no YAML', '- id: [', /./],
])('%s is refused with its place', (_, text, problem) => {
  const { rules, problems } = parseRules(text);
  expect(rules).toEqual([]);
  expect(problems.join('\n')).toMatch(problem);
});

test('the problems of all files are told at once, by file', () => {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-rules-'));
  try {
    writeFileSync(join(dir, 'a.yaml'), rule('  when: { silentFor: 30s }'));
    writeFileSync(join(dir, 'b.yaml'), rule('  when: { silentFor: 30s }'));
    writeFileSync(join(dir, 'c.yaml'), rule('  when: { silentFor: soon }'));
    expect(() => loadRules(dir)).toThrow(
      expect.objectContaining({
        code: 'RULES_INVALID',
        details: ['b.yaml: there are two rules a', expect.stringContaining('c.yaml: 0.when')],
      }),
    );
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test.each([
  ['what is not there', '[{ rule: z, equal: [source] }]', '[]', /a: it is inhibited by z, and there is no such rule/],
  [
    'a label that one of the two lacks',
    '[{ rule: b, equal: [gateway] }]',
    '[]',
    /equal gateway, but a has no such label/,
  ],
  ['each other', '[{ rule: b, equal: [source] }]', '[{ rule: a, equal: [source] }]', /a: it inhibits itself/],
])('rules that are inhibited by %s are refused', (_, ofA, ofB, problem) => {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-rules-'));
  try {
    const a = rule(`  when: { count: 3, within: 5m }\n  inhibitedBy: ${ofA}\n`);
    const b = rule(`  when: { count: 9, within: 5m }\n  inhibitedBy: ${ofB}\n`).replace('- id: a', '- id: b');
    writeFileSync(join(dir, 'a.yaml'), a + b);
    expect(() => loadRules(dir)).toThrow(problem);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
