import { join } from 'node:path';
import {
  type InfluxAdminConfig,
  InfluxConfig,
  planInflux,
  InfluxAdminConfig as Schema,
} from '../../hub/sinks/index.ts';
import { type InfluxDb, startInfluxDb, startTestInfluxDb } from '../../infra/local/index.ts';

export interface InfluxBed {
  readonly influx: InfluxDb;
  readonly admin: InfluxAdminConfig;
  /** As a hub's configuration has it. */
  sink(more?: object): InfluxConfig;
  /** Rows of a Flux query, as text. */
  query(flux: string, token?: string): Promise<Record<string, string>[]>;
  /** All fields of all points of a bucket: `measurement,tag=value field time` → value. */
  points(bucket: string): Promise<Map<string, string>>;
  /** How many such there are. */
  count(bucket: string): Promise<number>;
  close(): Promise<void>;
}

/** A real InfluxDB as `headwater stores apply` makes it. `dir`: where it keeps its data, which stays; a folder that goes with it unless given. */
export async function openInfluxBed(dir?: string): Promise<InfluxBed> {
  const influx = dir === undefined ? await startTestInfluxDb() : await startInfluxDb({ dir });
  const file = (name: string) => join(influx.tokenFile, '..', name);
  const admin = Schema.parse({
    url: influx.url,
    adminTokenFile: influx.tokenFile,
    hubTokenFile: file('hub.token'),
    grafanaTokenFile: file('grafana.token'),
    // What tests write is of any age.
    buckets: { readings: { days: 0 }, results: { days: 0 } },
  });
  for (const change of await planInflux(admin)) await change.apply();

  const query = async (flux: string, token = influx.token) => {
    const answer = await fetch(`${influx.url}/api/v2/query?org=${influx.org}`, {
      method: 'POST',
      headers: { authorization: `Token ${token}`, 'content-type': 'application/vnd.flux' },
      body: flux,
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(text);
    return rowsOf(text);
  };
  return {
    influx,
    admin,
    sink: (more = {}) => InfluxConfig.parse({ url: influx.url, tokenFile: admin.hubTokenFile, ...more }),
    query,
    async points(bucket) {
      const rows = await query(`from(bucket: "${bucket}") |> range(start: 0, stop: 2100-01-01T00:00:00Z)`);
      const ours = ['', 'result', 'table', '_start', '_stop', '_time', '_value', '_field', '_measurement'];
      return new Map(
        rows.map((row) => {
          const tags = Object.entries(row).filter(([name, value]) => !ours.includes(name) && value !== '');
          const series = [row._measurement, ...tags.map(([name, value]) => `${name}=${value}`).sort()].join();
          return [`${series} ${row._field} ${Date.parse(row._time!)}`, row._value!];
        }),
      );
    },
    async count(bucket) {
      const rows = await query(`from(bucket: "${bucket}") |> range(start: 0, stop: 2100-01-01T00:00:00Z) |> count()`);
      return rows.reduce((sum, { _value }) => sum + Number(_value), 0);
    },
    close: () => influx.close(),
  };
}

/** Of annotated or plain CSV with several tables, each with a header of its own; fields may be quoted. */
export function rowsOf(csv: string): Record<string, string>[] {
  let header: string[] | undefined;
  const rows: Record<string, string>[] = [];
  for (const cells of cellsOf(csv)) {
    if (cells.length <= 1) header = undefined;
    else if (header === undefined) header = cells;
    else {
      const names = header;
      rows.push(Object.fromEntries(cells.map((cell, i) => [names[i]!, cell])));
    }
  }
  return rows;
}

function* cellsOf(csv: string): Iterable<string[]> {
  let cells: string[] = [];
  let cell = '';
  let quoted = false;
  for (let i = 0; i < csv.length; i++) {
    const c = csv[i]!;
    if (quoted) {
      if (c !== '"') cell += c;
      else if (csv[i + 1] === '"') cell += csv[i++];
      else quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === ',') {
      cells.push(cell);
      cell = '';
    } else if (c === '\n') {
      yield [...cells, cell];
      cells = [];
      cell = '';
    } else if (c !== '\r') cell += c;
  }
  if (cell !== '' || cells.length > 0) yield [...cells, cell];
}
