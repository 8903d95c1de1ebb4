import { expect, test } from 'vitest';
import { parseRules, type Rule } from '../../hub/alerts/index.ts';
import { conditionOf } from './condition.ts';
import { policies } from './notify.ts';
import { alertRules } from './rules.ts';

const rule = (more: string): Rule => {
  const { rules, problems } = parseRules(`- id: a\n  severity: info\n  ${more.trim().replaceAll('\n', '\n  ')}`);
  expect(problems).toEqual([]);
  return rules[0]!;
};

test.each([
  [
    'a field that is not stored',
    'summary: x\ntopic: web.site.10s\nwhen: { field: topPaths, above: 1 }',
    /topPaths is neither tag nor field of web.site.10s/,
  ],
  ['an order of texts', 'summary: x\ntopic: anomalies\nwhen: { field: reason, above: 1 }', /reason is no number/],
  [
    'an order of tags',
    'summary: x\ntopic: anomalies\natLeast: { source: 3 }\nwhen: { field: score, above: 1 }',
    /the tag source has no order/,
  ],
  [
    'a condition that is not stored',
    'summary: x\ntopic: gateways\nwhere: { inputs: x }\nwhen: { field: backlog.readings, above: 1 }',
    /inputs is neither/,
  ],
])('what Flux cannot say is refused by name: %s', (_, text, problem) => {
  expect(() => conditionOf(rule(text))).toThrow(problem);
  expect(() => conditionOf(rule(text))).toThrow(/the rule a cannot/);
});

test('a text with quotes and what would be an expression stays a text', () => {
  const { flux } = conditionOf(
    rule(`summary: x\ntopic: web.requests.10s\nwhere: { path: '/a"\${1+1}' }\nwhen: { field: p95, above: 1 }`),
  );
  expect(flux).toContain('r["path"] == "/a\\"\\${1+1}"');
});

test('a rule has its labels, its texts and where to look', () => {
  const text =
    'summary: "{process} has {value} bytes, {rssMb} MB, {nothing}"\ntopic: platform.health\nwhen: { field: diskFreeBytes, below: 5 }\nfor: 90s';
  const { groups } = alertRules([rule(text)], 'https://example.org/runbooks') as {
    groups: { rules: Record<string, unknown>[] }[];
  };
  expect(groups[0]!.rules[0]).toMatchObject({
    uid: 'headwater-a',
    title: 'A',
    for: '90s',
    labels: { rule: 'a', severity: 'info' },
    annotations: {
      summary:
        '{{ .Labels.process }} has {{ printf "%.4g" (index .Values "value").Value }} bytes, {{ printf "%.4g" (index .Values "rssMb").Value }} MB, …',
      runbook_url: 'https://example.org/runbooks/a.md',
    },
    dashboardUid: 'headwater-engine',
  });
  const refs = (groups[0]!.rules[0]!.data as { refId: string }[]).map(({ refId }) => refId);
  expect(refs).toEqual(['A', 'value', 'firing', 'q_rssMb', 'rssMb']);
});

test('alerts of a rule are told together as the rule says, urgent ones soon and again', () => {
  const some = [
    { ...rule('summary: x\ntopic: gateways\nwhen: { silentFor: 60s }'), id: 'one', severity: 'critical' as const },
    { ...rule('summary: x\ntopic: gateways\nwhen: { silentFor: 60s }\ngroupBy: [gateway]'), id: 'two' },
  ];
  expect(policies(some)).toMatchObject({
    policies: [
      {
        receiver: 'Headwater',
        routes: [
          { object_matchers: [['rule', '=~', '^(one)$']], group_by: ['rule', 'site'], receiver: 'Headwater urgent' },
          { object_matchers: [['rule', '=~', '^(two)$']], group_by: ['gateway'], receiver: 'Headwater' },
        ],
      },
    ],
  });
});
