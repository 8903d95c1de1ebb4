import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { DASHBOARDS } from './dashboards/index.ts';
import { documentation, provisioning } from './files.ts';
import { renderDashboard } from './render.ts';

const root = resolve(import.meta.dirname, '..');
const generated = join(root, 'grafana/generated');
const queries = DASHBOARDS.flatMap((dashboard) => [
  ...dashboard.rows.flatMap(({ panels }) =>
    panels.flatMap((panel) => panel.queries.map((query) => [`${dashboard.title}: ${panel.title}`, query] as const)),
  ),
  ...dashboard.annotations.map(({ name, query }) => [`${dashboard.title}: marks ${name}`, query] as const),
]);

test('the committed files are what the code gives: npm run grafana', () => {
  const wanted = provisioning();
  expect(globSync('**/*.{yaml,json}', { cwd: generated }).sort()).toEqual([...wanted.keys()].sort());
  for (const [path, text] of wanted) expect(readFileSync(join(generated, path), 'utf8'), path).toBe(text);
  for (const [path, text] of documentation()) expect(readFileSync(join(root, path), 'utf8'), path).toBe(text);
});

test.each(DASHBOARDS)('$title: its picture is there, small, and has all of its panels', ({ uid, title, rows }) => {
  const svg = readFileSync(join(root, `docs/images/dashboards/${uid}.svg`), 'utf8');
  expect(svg.length).toBeLessThan(60_000);
  const panels = rows.flatMap(({ panels }) => panels.filter(({ title }) => !title.includes('$')));
  for (const name of [title, ...panels.map((panel) => panel.title)]) expect(svg).toContain(`>${name}</text>`);
});

test.each(queries)('%s: begins with bucket, range, measurement and fields', (_, query) => {
  const lines = query.split('\n').map((line) => line.trim());
  const steps = lines.filter((line) => !line.startsWith('bucket = '));
  expect(steps[0]).toMatch(/^from\(bucket: ("readings"|"results"|bucket)\)$/);
  expect(steps[1]).toBe('|> range(start: v.timeRangeStart, stop: v.timeRangeStop)');
  expect(steps[2]).toMatch(/^\|> filter\(fn: \(r\) => r\._measurement == "[^"]+"( or r\._measurement == "[^"]+")?\)$/);
  expect(steps[3]).toMatch(/^\|> filter\(fn: \(r\) => r\._field == "[^"]+"( or r\._field == "[^"]+")*\)$/);
  expect(query.match(/from\(bucket/g)).toHaveLength(1);
});

test.each(queries)('%s: gives as many points as the chart has room for, or few rows', (_, query) => {
  expect(query).toMatch(/aggregateWindow\(every: v\.windowPeriod|limit\(n: \d+\)|\b(last|sum|count)\(\)|max\(column/);
});

test('values of variables are looked for in a bounded time, and at most a thousand', () => {
  for (const { variables } of DASHBOARDS)
    for (const { query } of variables)
      expect(query).toMatch(/schema\.tagValues\([^)]*[\s\S]*start: -7d\)\n {2}\|> limit\(n: 1000\)$/);
});

test('what a query or a title asks for is a variable of its dashboard', () => {
  for (const dashboard of DASHBOARDS) {
    const text = JSON.stringify(dashboard);
    const asked = [...text.matchAll(/\$\{(\w+):regex\}/g), ...text.matchAll(/\$(\w+)/g)].map(([, name]) => name!);
    const known = new Set(dashboard.variables.map(({ name }) => name));
    expect(
      asked.filter((name) => !known.has(name)),
      dashboard.title,
    ).toEqual([]);
  }
});

test('every panel says what it shows, has a number of its own and fits the grid', () => {
  for (const dashboard of DASHBOARDS) {
    const panels = renderDashboard(dashboard).panels!;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const titles = dashboard.rows.flatMap((row) => row.panels.map(({ title }) => title));
    expect(new Set(titles).size, dashboard.title).toBe(titles.length);
    for (const panel of panels) {
      expect(panel.gridPos!.x + panel.gridPos!.w).toBeLessThanOrEqual(24);
      if (panel.type !== 'row' && 'description' in panel) expect(panel.description!.length).toBeGreaterThan(30);
    }
  }
});

test('links lead to dashboards that there are, with variables that they have', () => {
  for (const { rows } of DASHBOARDS)
    for (const { columns = {} } of rows.flatMap(({ panels }) => panels))
      for (const { link } of Object.values(columns)) {
        if (!link) continue;
        const target = DASHBOARDS.find(({ uid }) => uid === link.to);
        expect(target, link.to).toBeDefined();
        const names = target!.variables.map(({ name }) => name);
        expect(names).toEqual(expect.arrayContaining(Object.keys(link.variables)));
        // Columns are named as the reader sees them.
        const titles = Object.values(columns).map(({ title }) => title);
        expect(titles).toEqual(expect.arrayContaining(Object.values(link.variables)));
      }
});

test('a link is an address with the variables of its row, whatever is in them', () => {
  const links = DASHBOARDS.flatMap((dashboard) => renderDashboard(dashboard).panels!).flatMap((panel) =>
    'fieldConfig' in panel
      ? panel.fieldConfig!.overrides.flatMap(({ properties }) =>
          properties.flatMap(({ id, value }) => (id === 'links' ? (value as { url: string }[]) : [])),
        )
      : [],
  );
  expect(links.length).toBeGreaterThan(5);
  for (const { url } of links)
    expect(url).toMatch(
      /^\/d\/headwater-\w+\?\$\{__url_time_range\}(&var-\w+=\$\{__data\.fields\["[\w ]+"\]:percentencode\})+$/,
    );
});

test('every number of a chart has a unit', () => {
  for (const { title, rows } of DASHBOARDS)
    for (const { kind, unit, columns, ...panel } of rows.flatMap(({ panels }) => panels)) {
      const ofLines = Object.values(columns ?? {}).some((column) => column.unit !== undefined);
      if (kind === 'lines' || kind === 'bars')
        expect(unit !== undefined || ofLines, `${title}: ${panel.title}`).toBe(true);
    }
});
