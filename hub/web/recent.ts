import type { Reading } from '../../contract/index.ts';

/** A device's metric, as its last reading described it. */
export interface RecentSeries {
  readonly device: string;
  readonly metric: string;
  readonly unit: string;
  readonly gateway: string;
  readonly site: string;
  /** Of the last reading, ms since the epoch. */
  readonly ts: number;
  readonly value: number;
}

/** The last readings of each series, in memory: what the page shows before the first window closes, and between windows. */
export interface Recent {
  add(reading: Reading): void;
  list(): RecentSeries[];
  /** In order of arrival, `[ts, value]`. */
  points(device: string, metric: string): [number, number][];
}

const POINTS = 150;

interface Entry {
  last: Reading;
  readonly ts: Float64Array;
  readonly values: Float64Array;
  next: number;
}

/** `maxSeries` bounds the memory (about 2.5 kB each): the series heard of longest ago makes room. */
export function createRecent(maxSeries = 2_000): Recent {
  // A Map keeps the order of insertion: an entry heard of moves to its end.
  const entries = new Map<string, Entry>();
  // Names hold no blanks, so this cannot be ambiguous.
  const keyOf = (device: string, metric: string) => `${device} ${metric}`;

  return {
    add(reading) {
      const key = keyOf(reading.device, reading.metric);
      const entry = entries.get(key) ?? {
        last: reading,
        ts: new Float64Array(POINTS),
        values: new Float64Array(POINTS),
        next: 0,
      };
      entries.delete(key);
      entries.set(key, entry);
      if (entries.size > maxSeries) entries.delete(entries.keys().next().value!);
      entry.last = reading;
      entry.ts[entry.next % POINTS] = reading.ts;
      entry.values[entry.next % POINTS] = reading.value;
      entry.next += 1;
    },
    list: () =>
      [...entries.values()].map(({ last: { device, metric, unit, gateway, site, ts, value } }) => ({
        device,
        metric,
        unit,
        gateway,
        site,
        ts,
        value,
      })),
    points(device, metric) {
      const entry = entries.get(keyOf(device, metric));
      if (!entry) return [];
      const first = Math.max(0, entry.next - POINTS);
      return Array.from({ length: entry.next - first }, (_, i) => {
        const at = (first + i) % POINTS;
        return [entry.ts[at]!, entry.values[at]!];
      });
    },
  };
}
