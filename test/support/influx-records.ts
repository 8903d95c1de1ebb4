import { TOPICS } from '../../contract/index.ts';
import { linesOf, MEASUREMENTS } from '../../hub/sinks/index.ts';
import type { OutgoingRecord } from '../../kafka/index.ts';

export const T0 = Date.UTC(2026, 5, 1);

/** A reading of one of `devices` devices; each has its own time, so that no two are one point. */
export function reading(i: number, devices = 20): OutgoingRecord {
  const device = `d${i % devices}`;
  const value = {
    device,
    gateway: 'gw-1',
    site: 'home',
    metric: 'temperature',
    value: Math.round(Math.sin(i) * 1e6) / 1e3,
    unit: 'Cel',
    ts: T0 + i * 10,
    receivedAt: T0 + i * 10,
  };
  return { key: device, value: JSON.stringify(value) };
}

/** One of three revisions of a window: only the last of them is to be seen. */
export function windowRow(i: number, revision: number): OutgoingRecord {
  const device = `d${i % 20}`;
  const series = `gw-1/${device}/temperature`;
  const windowStart = T0 + Math.floor(i / 20) * 60_000;
  const row = { windowStart, windowEnd: windowStart + 60_000, series, revision, count: i + revision };
  const value = { device, metric: 'temperature', unit: 'Cel', gateway: 'gw-1', site: 'home', type: null };
  return { key: series, value: JSON.stringify({ ...row, ...value, mean: i / 7, min: -i, max: revision * 1.5 }) };
}

/** What InfluxDB should hold of records sent in this order: as `InfluxBed.points` gives it. */
export function expectedPoints(topic: string, records: readonly OutgoingRecord[]): Map<string, string> {
  const points = new Map<string, string>();
  const makers = MEASUREMENTS.filter((m) => m.topic.name === topic).map(linesOf);
  for (const { value } of records) {
    for (const make of makers) {
      for (const { text } of make(JSON.parse(String(value)))) {
        // None of these have blanks or commas in their values.
        const [series, fields, ts] = text.split(' ') as [string, string, string];
        for (const field of fields.split(',')) {
          const [name, stored] = field.split('=') as [string, string];
          points.set(`${series} ${name} ${ts}`, stored.replace(/^"(.*)"$/, '$1').replace(/(\d)i$/, '$1'));
        }
      }
    }
  }
  return points;
}

export const READINGS = TOPICS.readings.name;
export const WINDOWS = TOPICS.readings1m.name;
