import * as bars from '@grafana/grafana-foundation-sdk/bargauge';
import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as states from '@grafana/grafana-foundation-sdk/statetimeline';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as lines from '@grafana/grafana-foundation-sdk/timeseries';
import { INFLUX } from './datasources.ts';
import type { Annotation, Column, Dashboard, Panel, Thresholds, Variable } from './spec.ts';

/** What finds all of Headwater's dashboards. */
const TAG = 'headwater';

/** A query by hand: the SDK has none for InfluxDB. */
class Flux implements Builder<Dataquery> {
  readonly #target: { refId: string; query: string; datasource: typeof INFLUX };

  constructor(refId: string, query: string) {
    this.#target = { refId, query, datasource: INFLUX };
  }

  build(): Dataquery {
    return { ...this.#target, _implementsDataqueryVariant() {} };
  }
}

/** Grafana's model of a dashboard. */
export function renderDashboard(of: Dashboard): dashboard.Dashboard {
  const builder = new dashboard.DashboardBuilder(of.title)
    .uid(of.uid)
    .description(of.description)
    .tags([TAG])
    .readonly()
    .refresh('30s')
    .time({ from: of.from, to: 'now' })
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .link(
      new dashboard.DashboardLinkBuilder('Headwater')
        .type(dashboard.DashboardLinkType.Dashboards)
        .tags([TAG])
        .tooltip('The other dashboards, for the same time and with the same choices')
        .asDropdown(true)
        .includeVars(true)
        .keepTime(true),
    );
  for (const variable of of.variables) builder.withVariable(renderVariable(variable));
  for (const annotation of of.annotations) builder.annotation(renderAnnotation(annotation));
  for (const { title, panels } of of.rows) {
    builder.withRow(new dashboard.RowBuilder(title));
    for (const panel of panels) builder.withPanel(renderPanel(panel));
  }
  const built = builder.build();
  // Alert rules name a panel by its number.
  built.panels!.forEach((panel, i) => {
    panel.id = i + 1;
  });
  return built;
}

function renderVariable({ name, label, query, multi = false }: Variable) {
  const builder = new dashboard.QueryVariableBuilder(name)
    .label(label)
    .datasource(INFLUX)
    .query(query)
    .refresh(dashboard.VariableRefresh.OnDashboardLoad)
    .sort(dashboard.VariableSort.NaturalAsc)
    .multi(multi)
    .includeAll(multi);
  return multi ? builder.allValue('.*').current({ text: ['All'], value: ['$__all'] }) : builder;
}

function renderAnnotation({ name, color, query }: Annotation) {
  return new dashboard.AnnotationQueryBuilder()
    .name(name)
    .datasource(INFLUX)
    .enable(true)
    .iconColor(color)
    .target(new Flux(name, query));
}

function renderPanel(of: Panel): Builder<dashboard.Panel> {
  const builder = kindOf(of)
    .title(of.title)
    .description(of.description)
    .datasource(INFLUX)
    .span(of.width ?? 12)
    .height(of.height ?? 8)
    .targets(of.queries.map((query, i) => new Flux(String.fromCharCode(65 + i), query)))
    .noValue('nothing in this time');
  if (of.unit !== undefined) builder.unit(of.unit);
  if (of.decimals !== undefined) builder.decimals(of.decimals);
  if (of.min !== undefined) builder.min(of.min);
  if (of.max !== undefined) builder.max(of.max);
  if (of.thresholds) builder.thresholds(thresholds(of.thresholds));
  if (of.legend !== undefined) builder.displayName(of.legend);
  if (of.repeat !== undefined) builder.repeat(of.repeat).repeatDirection('h').maxPerRow(2);
  if (of.names) {
    const options = Object.entries(of.names).map(([value, name], index) => [value, { ...name, index }]);
    builder.mappings([{ type: dashboard.MappingType.ValueToText, options: Object.fromEntries(options) }]);
  }
  for (const [name, column] of Object.entries(of.columns ?? {})) {
    const properties = columnProperties(column);
    if (name.startsWith('/')) builder.overrideByRegexp(name, properties);
    else builder.overrideByName(name, properties);
  }
  return builder;
}

function kindOf({ kind, stacked, thresholds: limits, queries }: Panel) {
  const byLimits = new dashboard.FieldColorBuilder().mode(dashboard.FieldColorModeId.Thresholds);
  switch (kind) {
    case 'lines': {
      const builder = new lines.PanelBuilder()
        .tooltip(new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi))
        .lineWidth(1)
        .fillOpacity(stacked ? 40 : 8)
        .showPoints(common.VisibilityMode.Auto)
        .spanNulls(false);
      if (limits)
        builder.thresholdsStyle(
          new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Line),
        );
      return stacked ? builder.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal)) : builder;
    }
    case 'bars':
      return new bars.PanelBuilder()
        .orientation(common.VizOrientation.Horizontal)
        .reduceOptions(new common.ReduceDataOptionsBuilder().values(true).calcs(['lastNotNull']).limit(20));
    case 'number':
      return new stat.PanelBuilder()
        .colorScheme(byLimits)
        .graphMode(queries.length > 1 ? common.BigValueGraphMode.None : common.BigValueGraphMode.Area)
        .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']));
    case 'table':
      return new table.PanelBuilder().filterable(true).cellHeight(common.TableCellHeight.Sm);
    case 'states':
      return new states.PanelBuilder().showValue(common.VisibilityMode.Never).mergeValues(true);
  }
}

function thresholds({ base, steps }: Thresholds) {
  return new dashboard.ThresholdsConfigBuilder()
    .mode(dashboard.ThresholdsMode.Absolute)
    .steps([{ value: null, color: base }, ...steps.map(([value, color]) => ({ value, color }))]);
}

function columnProperties({ unit, title, width, link }: Column): dashboard.DynamicConfigValue[] {
  const properties: dashboard.DynamicConfigValue[] = [];
  if (unit !== undefined) properties.push({ id: 'unit', value: unit });
  if (title !== undefined) properties.push({ id: 'displayName', value: title });
  if (width !== undefined) properties.push({ id: 'custom.width', value: width });
  if (link) {
    const variables = Object.entries(link.variables).map(
      ([name, column]) => `&var-${name}=\${__data.fields["${column}"]:percentencode}`,
    );
    const url = `/d/${link.to}?\${__url_time_range}${variables.join('')}`;
    properties.push({ id: 'links', value: [{ title: 'Look at it', url }] });
  }
  return properties;
}
