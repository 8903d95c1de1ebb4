import { type FluxTableColumn, InfluxDB } from '@influxdata/influxdb-client';

/** What Grafana puts in the place of `v.…`, and of the variables of a dashboard. */
export interface Moment {
  /** ms since the epoch. */
  readonly start: number;
  readonly stop: number;
  readonly windowMs: number;
  readonly variables?: Readonly<Record<string, string>>;
}

/** A table of a Flux answer: rows with equal group keys. */
export interface FluxTable {
  readonly columns: readonly FluxTableColumn[];
  readonly rows: readonly Record<string, unknown>[];
}

export interface FluxServer {
  readonly url: string;
  readonly org: string;
  readonly token: string;
}

/**
 * Runs a query as Grafana's InfluxDB data source does: what Grafana writes into its text is given as the options `v` and `now`, so the text stays as it is.
 * @throws what InfluxDB says of it
 */
export async function runFlux({ url, org, token }: FluxServer, query: string, moment: Moment): Promise<FluxTable[]> {
  const api = new InfluxDB({ url, token, timeout: 60_000 }).getQueryApi(org);
  const tables = new Map<string, { columns: FluxTableColumn[]; rows: Record<string, unknown>[] }>();
  for await (const { values, tableMeta } of api.iterateRows(withOptions(query, moment))) {
    const row = tableMeta.toObject(values);
    const key = JSON.stringify([tableMeta.columns.map(({ label }) => label), row.result, row.table]);
    const table = tables.get(key) ?? { columns: [...tableMeta.columns], rows: [] };
    table.rows.push(row);
    tables.set(key, table);
  }
  return [...tables.values()];
}

function withOptions(query: string, { start, stop, windowMs, variables = {} }: Moment): string {
  const options = [
    `option now = () => ${iso(stop)}`,
    `option v = {timeRangeStart: ${iso(start)}, timeRangeStop: ${iso(stop)}, windowPeriod: ${windowMs}ms, defaultBucket: "results", organization: "headwater"}`,
  ];
  const lines = query.split('\n');
  const imports = lines.filter((line) => line.startsWith('import '));
  const rest = lines.filter((line) => !line.startsWith('import '));
  return [...imports, ...options, ...rest].join('\n').replaceAll(/\$\{(\w+):regex\}/g, (_, name: string) => {
    const value = variables[name];
    if (value === undefined) throw new Error(`the query asks for a variable ${name} that its dashboard does not have`);
    // What stands for "all" is an expression already.
    return value === '.*' ? value : value.replaceAll(/[\\^$*+?.()|[\]{}/]/g, '\\$&');
  });
}

const iso = (t: number) => new Date(t).toISOString();

/** What Grafana makes of a table: `lines` have a time, a value and labels; of anything else it shows the columns. */
export interface Frame {
  readonly kind: 'lines' | 'table';
  readonly labels: Readonly<Record<string, string>>;
  readonly columns: readonly FluxTableColumn[];
  readonly rows: readonly Record<string, unknown>[];
}

/**
 * As the back end of Grafana's data source: a table with `_value` and a time is a line, whose labels are all columns whose names do not begin with `_`; they must
 * be texts. Of anything else it shows the columns.
 * @throws Error where Grafana could not show it
 */
export function frameOf({ columns, rows }: FluxTable): Frame {
  const shown = columns.filter(({ label }) => label !== 'result' && label !== 'table');
  const has = (name: string) => shown.some(({ label }) => label === name);
  const times = shown.filter(({ dataType }) => dataType.startsWith('dateTime'));
  if (!has('_value') || times.length === 0) return { kind: 'table', labels: {}, columns: shown, rows };
  const [time, ...more] = times;
  if (time!.label !== '_time' || more.length > 0) throw new Error('a line has one time, _time');
  const labels: Record<string, string> = {};
  for (const { label } of shown) {
    if (label.startsWith('_')) continue;
    const value = rows[0]![label];
    if (typeof value !== 'string') throw new Error(`the label ${label} of a line is ${JSON.stringify(value)}`);
    labels[label] = value;
  }
  return { kind: 'lines', labels, columns: shown, rows };
}
