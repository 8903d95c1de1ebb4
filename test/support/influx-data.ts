import { readFileSync } from 'node:fs';
import { DOWNSAMPLED, downsample, linesOf, MEASUREMENTS } from '../../hub/sinks/index.ts';
import type { FluxServer } from './flux.ts';
import type { InfluxBed } from './influx.ts';

const LINES_A_WRITE = 5_000;

/** Writes records as the hub's sink does: with its mapping and its token. */
export async function writeRecords(
  { influx, admin }: InfluxBed,
  records: ReadonlyMap<string, readonly Record<string, unknown>[]>,
): Promise<void> {
  const waiting = new Map<string, string[]>();
  for (const measurement of MEASUREMENTS) {
    const toLines = linesOf(measurement);
    for (const line of (records.get(measurement.topic.name) ?? []).flatMap(toLines)) {
      const lines = waiting.get(line.bucket) ?? [];
      lines.push(line.text);
      waiting.set(line.bucket, lines);
    }
  }
  const headers = { authorization: `Token ${tokenIn(admin.hubTokenFile)}` };
  for (const [bucket, lines] of waiting)
    for (let i = 0; i < lines.length; i += LINES_A_WRITE) {
      const url = `${influx.url}/api/v2/write?precision=ms&org=${influx.org}&bucket=${bucket}`;
      const body = lines.slice(i, i + LINES_A_WRITE).join('\n');
      const response = await fetch(url, { method: 'POST', headers, body });
      if (!response.ok) throw new Error(`${bucket}: ${response.status} ${await response.text()}`);
    }
}

/** What InfluxDB's own tasks make of the minutes of a time. */
export async function makeHours(bed: InfluxBed, start: number, stop: number): Promise<void> {
  const range = `start: ${new Date(start).toISOString()}, stop: ${new Date(stop).toISOString()}`;
  for (const one of DOWNSAMPLED) await bed.query(downsample(one, 'results', 'results-1h', range));
}

/** InfluxDB as Grafana may use it. */
export const asGrafana = ({ influx, admin }: InfluxBed): FluxServer => ({
  url: influx.url,
  org: influx.org,
  token: tokenIn(admin.grafanaTokenFile),
});

const tokenIn = (file: string) => readFileSync(file, 'utf8').trim();
