import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadRules } from '../hub/alerts/index.ts';
import { placeOf } from './alerting/places.ts';
import { DASHBOARDS } from './dashboards/index.ts';
import { provisioning } from './files.ts';

/*
 * Grafana's documented formats of provisioning files, written down as far as these files use them and no further: a misspelt key is an error.
 * Sources: "Provision Grafana" (data sources, dashboards), "Use configuration files to provision alerting resources" and "InfluxDB data source" of Grafana's
 * documentation; for alert rules also the types that Grafana itself reads them with (AlertRuleV1 and QueryV1).
 */
const duration = z.string().regex(/^(\d+(ms|[smhdw]))+$/);
const uid = z.string().regex(/^[a-zA-Z0-9_-]{1,40}$/);
const name = z.string().min(1).max(190);
const orgId = z.literal(1);
const ref = z.strictObject({ type: z.string(), uid });

const file = <T extends z.ZodRawShape>(shape: T) => z.strictObject({ apiVersion: z.literal(1), ...shape });

const DataSources = file({
  datasources: z.array(
    z.strictObject({
      name,
      type: z.enum(['influxdb', 'prometheus']),
      uid,
      access: z.literal('proxy'),
      orgId,
      url: z.string().min(1),
      isDefault: z.boolean().optional(),
      editable: z.boolean(),
      jsonData: z.strictObject({
        version: z.literal('Flux').optional(),
        organization: z.string().optional(),
        defaultBucket: z.string().optional(),
        timeInterval: duration,
        maxSeries: z.int().optional(),
        timeout: z.int().optional(),
        httpMethod: z.enum(['GET', 'POST']).optional(),
      }),
      secureJsonData: z.strictObject({ token: z.string() }).optional(),
    }),
  ),
});

const Providers = file({
  providers: z.array(
    z.strictObject({
      name,
      orgId,
      folder: name,
      folderUid: uid,
      type: z.literal('file'),
      disableDeletion: z.boolean(),
      updateIntervalSeconds: z.int().min(1),
      allowUiUpdates: z.boolean(),
      options: z.strictObject({ path: z.string().min(1), foldersFromFilesStructure: z.literal(false) }),
    }),
  ),
});

const expression = { refId: z.string(), expression: z.string(), datasource: ref };
const Query = z.strictObject({
  refId: z.string().min(1),
  datasourceUid: z.string(),
  relativeTimeRange: z.strictObject({ from: z.int().min(0), to: z.literal(0) }),
  model: z.union([
    z.strictObject({
      refId: z.string(),
      query: z.string(),
      datasource: ref,
      intervalMs: z.int(),
      maxDataPoints: z.int(),
    }),
    z.strictObject({ ...expression, type: z.literal('reduce'), reducer: z.literal('last') }),
    z.strictObject({
      ...expression,
      type: z.literal('threshold'),
      conditions: z
        .array(
          z.strictObject({
            evaluator: z.union([
              z.strictObject({ type: z.enum(['gt', 'lt']), params: z.tuple([z.number()]) }),
              z.strictObject({ type: z.literal('outside_range'), params: z.tuple([z.number(), z.number()]) }),
            ]),
          }),
        )
        .length(1),
    }),
  ]),
});
const AlertRules = file({
  groups: z.array(
    z.strictObject({
      orgId,
      name,
      folder: name,
      interval: duration,
      rules: z.array(
        z.strictObject({
          uid,
          title: name,
          condition: z.string(),
          data: z.array(Query).min(1),
          dashboardUid: uid,
          panelId: z.int().min(1),
          noDataState: z.enum(['NoData', 'Alerting', 'OK', 'KeepLast']),
          execErrState: z.enum(['Error', 'Alerting', 'OK', 'KeepLast']),
          for: duration,
          annotations: z.record(z.string(), z.string()),
          labels: z.record(z.string(), z.string()),
        }),
      ),
    }),
  ),
});

const receiver = { uid, disableResolveMessage: z.boolean() };
const ContactPoints = file({
  contactPoints: z.array(
    z.strictObject({
      orgId,
      name,
      receivers: z.array(
        z.discriminatedUnion('type', [
          z.strictObject({
            ...receiver,
            type: z.literal('email'),
            settings: z.strictObject({ addresses: z.string().min(1), singleEmail: z.boolean() }),
          }),
          z.strictObject({
            ...receiver,
            type: z.literal('webhook'),
            settings: z.strictObject({
              url: z.string().min(1),
              httpMethod: z.enum(['POST', 'PUT']),
              maxAlerts: z.int(),
            }),
          }),
        ]),
      ),
    }),
  ),
});

const route = {
  receiver: name,
  group_by: z.array(z.string().min(1)).optional(),
  object_matchers: z.array(z.tuple([z.string(), z.enum(['=', '!=', '=~', '!~']), z.string()])).optional(),
  group_wait: duration.optional(),
  group_interval: duration.optional(),
  repeat_interval: duration.optional(),
};
const Policies = file({
  policies: z.array(z.strictObject({ orgId, ...route, routes: z.array(z.strictObject(route)).optional() })).length(1),
});

const gridPos = z.object({ x: z.int(), y: z.int(), w: z.int().max(24), h: z.int() });
const Dashboard = z.object({
  uid,
  title: name,
  schemaVersion: z.int().min(36),
  templating: z.object({
    list: z.array(z.object({ name, type: z.literal('query'), query: z.string(), datasource: ref })).optional(),
  }),
  annotations: z.object({
    list: z.array(
      z.object({
        name,
        datasource: ref,
        enable: z.boolean(),
        iconColor: z.string(),
        target: z.object({ query: z.string(), refId: z.string() }),
      }),
    ),
  }),
  links: z.array(z.object({ type: z.literal('dashboards'), includeVars: z.literal(true), keepTime: z.literal(true) })),
  panels: z.array(
    z.union([
      z.object({ type: z.literal('row'), title: z.string(), gridPos }),
      z.object({
        type: z.enum(['timeseries', 'bargauge', 'stat', 'table', 'state-timeline']),
        title: z.string(),
        description: z.string(),
        datasource: ref,
        gridPos,
        targets: z.array(z.strictObject({ refId: z.string(), query: z.string(), datasource: ref })).min(1),
      }),
    ]),
  ),
});

const files = provisioning();
const yaml = (path: string) => parse(files.get(`provisioning/${path}.yaml`)!);

test('every file is as Grafana’s documentation says', () => {
  const schemas: Record<string, z.ZodType> = {
    'datasources/influxdb': DataSources,
    'datasources/prometheus': DataSources,
    'dashboards/headwater': Providers,
    'alerting/rules': AlertRules,
    'alerting/contact-points': ContactPoints,
    'alerting/policies': Policies,
  };
  const made = [...files.keys()].filter((path) => path.startsWith('provisioning/'));
  expect(made.sort()).toEqual(
    Object.keys(schemas)
      .map((path) => `provisioning/${path}.yaml`)
      .sort(),
  );
  for (const [path, schema] of Object.entries(schemas))
    expect(schema.safeParse(yaml(path)).error?.issues ?? [], path).toEqual([]);
  for (const [path, text] of files)
    if (path.endsWith('.json')) expect(Dashboard.safeParse(JSON.parse(text)).error?.issues ?? [], path).toEqual([]);
});

test('what one file names, another has', () => {
  const sources = [yaml('datasources/influxdb'), yaml('datasources/prometheus')].flatMap(({ datasources }) =>
    datasources.map((of: { uid: string }) => of.uid),
  );
  const used = [...files.values()]
    .join('\n')
    .matchAll(/"uid": "(headwater-(?:influxdb|prometheus))"|uid: (headwater-(?:influxdb|prometheus))$/gm);
  for (const [, json, text] of used) expect(sources).toContain(json ?? text);
  const points = yaml('alerting/contact-points').contactPoints.map((of: { name: string }) => of.name);
  const [policy] = yaml('alerting/policies').policies;
  for (const { receiver } of [policy, ...policy.routes]) expect(points).toContain(receiver);
  const folders = yaml('dashboards/headwater').providers.map(({ options }: { options: { path: string } }) =>
    options.path.split('/').at(-1),
  );
  const placed = [...files.keys()].flatMap((path) => /^dashboards\/(\w+)\//.exec(path)?.[1] ?? []);
  expect(new Set(placed)).toEqual(new Set(folders));
});

test('every rule of the hub is a rule of Grafana, by one name, and its condition one of its queries', () => {
  const rules = yaml('alerting/rules').groups.flatMap(({ rules: of }: { rules: object[] }) => of) as {
    uid: string;
    title: string;
    condition: string;
    labels: { rule: string };
    data: { refId: string; model: { expression?: string } }[];
    dashboardUid: string;
  }[];
  expect(rules.map(({ labels }) => labels.rule).sort()).toEqual(
    loadRules()
      .map(({ id }) => id)
      .sort(),
  );
  expect(new Set(rules.map((rule) => rule.uid)).size).toBe(rules.length);
  for (const { condition, data, dashboardUid } of rules) {
    const refs = data.map(({ refId }) => refId);
    expect(refs).toContain(condition);
    for (const { model } of data) if (model.expression) expect(refs).toContain(model.expression);
    expect(DASHBOARDS.map((dashboard) => dashboard.uid)).toContain(dashboardUid);
  }
  // Every alert is routed by its rule's own policy.
  const [policy] = yaml('alerting/policies').policies;
  for (const { labels } of rules)
    expect(
      policy.routes.filter((of: { object_matchers: string[][] }) =>
        new RegExp(of.object_matchers[0]![2]!).test(labels.rule),
      ),
      labels.rule,
    ).toHaveLength(1);
});

test('a chart that an alert leads to changes its colour where the alert’s rule has its limit', () => {
  const limits = loadRules().flatMap((rule) => {
    const { when } = rule;
    const limit =
      'growingAbove' in when
        ? when.growingAbove
        : 'silentFor' in when
          ? when.silentFor / 1_000
          : 'above' in when || 'below' in when
            ? (when.above ?? when.below!)
            : undefined;
    const { dashboardUid, panelId } = placeOf(rule);
    const [, text] = [...files].find(([, of]) => of.includes(`"uid": "${dashboardUid}"`))!;
    const panel = JSON.parse(text).panels.find(({ id }: { id: number }) => id === panelId);
    if (limit === undefined || !['timeseries', 'stat'].includes(panel.type)) return [];
    const scale = panel.fieldConfig.defaults.unit === 's' && !('silentFor' in when) ? 86_400 : 1;
    const steps = panel.fieldConfig.defaults.thresholds?.steps.map(({ value }: { value: number | null }) => value);
    return [[rule.id, limit * scale, steps] as const];
  });
  expect(limits.length).toBeGreaterThan(8);
  for (const [id, limit, steps] of limits) expect(steps, id).toContain(limit);
});

test('no secret, address or machine is in the files: they come from Grafana’s environment', () => {
  const variables = new Set([...[...files.values()].join('\n').matchAll(/\$\{(HEADWATER_\w+)\}/g)].map(([, of]) => of));
  expect([...variables].sort()).toEqual([
    'HEADWATER_ALERT_EMAIL',
    'HEADWATER_ALERT_WEBHOOK_URL',
    'HEADWATER_DASHBOARDS',
    'HEADWATER_INFLUX_TOKEN',
    'HEADWATER_INFLUX_URL',
    'HEADWATER_PROMETHEUS_URL',
    'HEADWATER_RUNBOOK_URL',
  ]);
});
