import type { Rule } from '../hub/alerts/index.ts';
import { conditionOf } from './alerting/condition.ts';
import { placeOf } from './alerting/places.ts';
import { DASHBOARDS } from './dashboards/index.ts';
import { renderDashboard } from './render.ts';
import type { Panel } from './spec.ts';

const KINDS: Readonly<Record<Panel['kind'], string>> = {
  lines: 'lines',
  bars: 'bars',
  number: 'number',
  table: 'table',
  states: 'states',
};

/** The page that says what there is to see, made of what makes it. */
export function referencePage(rules: readonly Rule[]): string {
  const lines = [
    '# Dashboards and alert rules of Grafana',
    '',
    'This page is made by `npm run grafana` from the code of the dashboards; a test checks that it is up to date. How to connect a Grafana: [how-to](../how-to/grafana.md).',
    '',
    'No Grafana server was available to the tests. What was tested: every query below runs on a real InfluxDB with data that came through the real jobs, and the files fit Grafana’s documented provisioning.',
    '',
    'The pictures are not Grafana’s: `grafana/picture.ts` draws them from the dashboard’s definition (where each panel is, its kind, title and unit) and from what its queries gave in that test, which fails where they are out of date (`npm run grafana:pictures` draws them anew). Grafana’s own look differs.',
    '',
    '## Dashboards',
    '',
    '| dashboard | it answers |',
    '|---|---|',
    ...DASHBOARDS.map(({ title, description }) => `| [${title}](#${anchor(title)}) | ${cell(description)} |`),
  ];
  for (const dashboard of DASHBOARDS) {
    const { title, uid, from, variables, annotations, rows } = dashboard;
    lines.push('', `### ${title}`, '', `\`/d/${uid}\`, shows the last ${from.replace('now-', '')} at first.`);
    lines.push('', `![${title}](../images/dashboards/${uid}.svg)`);
    if (variables.length > 0)
      lines.push(
        '',
        `Choose: ${variables.map(({ label, multi }) => `${label}${multi ? ' (one, several or all)' : ''}`).join(', ')}.`,
      );
    if (annotations.length > 0)
      lines.push('', `Marks on its charts: ${annotations.map(({ name }) => name.toLowerCase()).join(', ')}.`);
    for (const row of rows) {
      lines.push('', `| ${cell(row.title)} | | reads |`, '|---|---|---|');
      for (const panel of row.panels) {
        const reads = [...new Set(panel.queries.flatMap(measurements))].map((name) => `\`${name}\``).join(', ');
        lines.push(`| **${cell(panel.title)}** (${KINDS[panel.kind]}) | ${cell(panel.description)} | ${reads} |`);
      }
    }
  }
  lines.push(
    '',
    '## Alert rules',
    '',
    '| rule | severity | fires when | for | runbook | dashboard |',
    '|---|---|---|---|---|---|',
  );
  for (const rule of rules) {
    const { evaluator } = conditionOf(rule);
    const { dashboardUid, panelId } = placeOf(rule);
    const { title } = DASHBOARDS.find(({ uid }) => uid === dashboardUid)!;
    const panel = renderDashboard(DASHBOARDS.find(({ uid }) => uid === dashboardUid)!).panels!.find(
      ({ id }) => id === panelId,
    );
    const when = `${words(rule)} (query ${evaluator.type.replace('_', ' ')} ${evaluator.params.join('…')})`;
    lines.push(
      `| \`${rule.id}\` | ${rule.severity} | ${cell(when)} | ${rule.forMs / 1_000} s | [what to do](../runbooks/${rule.id}.md) | ${title}: ${cell(panel!.title!)} |`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function words({ when, topic }: Rule): string {
  const of = `of \`${topic.name}\``;
  if ('silentFor' in when) return `no record ${of} for ${when.silentFor / 1_000} s`;
  if ('count' in when) return `${when.count} records ${of} within ${when.within / 1_000} s`;
  if ('growingAbove' in when) return `\`${when.field}\` ${of} is above ${when.growingAbove} and does not fall`;
  if ('is' in when) return `\`${when.field}\` ${of} is \`${when.is}\``;
  const bounds = [when.above !== undefined && `above ${when.above}`, when.below !== undefined && `below ${when.below}`];
  return `\`${when.field}\` ${of} is ${bounds.filter(Boolean).join(' or ')}`;
}

const measurements = (query: string) =>
  Array.from(query.matchAll(/r\._measurement == "([^"]+)"/g), ([, name]) => name!);
const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('$', '\\$');
const anchor = (title: string) =>
  title
    .toLowerCase()
    .replaceAll(' ', '-')
    .replaceAll(/[^\p{L}\p{N}_-]/gu, '');
