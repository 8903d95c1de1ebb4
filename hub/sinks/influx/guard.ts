export interface GuardOptions {
  /** Of one measurement. */
  readonly maxSeries: number;
  /** Ms since the epoch. */
  readonly clock: () => number;
  /** Once for each measurement and hour in which a series was turned away. */
  readonly warn: (overflow: Overflow) => void;
}

export interface Overflow {
  readonly measurement: string;
  readonly maxSeries: number;
  /** The tag that has the most different values, and how many. */
  readonly tag: string;
  readonly values: number;
}

/** What becomes of a point: `told`, because its series is turned away and somebody should hear of it, or `dropped`, because that was told already. */
export type Admission = 'stored' | 'told' | 'dropped';

/** Keeps the number of series in InfluxDB bounded: each takes memory and index there for as long as its bucket keeps points. */
export interface Guard {
  admit(measurement: string, series: string): Admission;
  /** Points turned away since the start. */
  turnedAway(): number;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** A series that was not seen for a whole day makes room for another. Memory is bounded by `maxSeries` for each measurement. */
export function openGuard({ maxSeries, clock, warn }: GuardOptions): Guard {
  let turnedAway = 0;
  let day = 0;
  let hour = 0;
  let today = new Map<string, Set<string>>();
  let yesterday = new Map<string, Set<string>>();
  let refused = new Map<string, Set<string>>();

  const turnPages = () => {
    const now = clock();
    if (Math.floor(now / DAY) !== day) {
      day = Math.floor(now / DAY);
      yesterday = today;
      today = new Map();
    }
    if (Math.floor(now / HOUR) !== hour) {
      hour = Math.floor(now / HOUR);
      refused = new Map();
    }
  };

  return {
    admit(measurement, series) {
      const known = setOf(today, measurement);
      if (known.has(series)) return 'stored';
      turnPages();
      const now = setOf(today, measurement);
      const before = yesterday.get(measurement);
      if (before?.delete(series) || now.size + (before?.size ?? 0) < maxSeries) {
        now.add(series);
        return 'stored';
      }
      turnedAway++;
      const told = setOf(refused, measurement);
      if (told.size === 0) warn({ measurement, maxSeries, ...widest([...now, ...(before ?? []), series]) });
      if (told.has(series) || told.size >= maxSeries) return 'dropped';
      told.add(series);
      return 'told';
    },
    turnedAway: () => turnedAway,
  };
}

function setOf(sets: Map<string, Set<string>>, name: string): Set<string> {
  let found = sets.get(name);
  if (found === undefined) {
    found = new Set();
    sets.set(name, found);
  }
  return found;
}

/** Of series as lines begin, the tag with the most different values. */
function widest(series: readonly string[]): { tag: string; values: number } {
  const values = new Map<string, Set<string>>();
  for (const one of series) {
    // Commas and equals signs within a value are escaped.
    for (const part of one.split(/(?<!\\),/).slice(1)) {
      const [tag = '', value = ''] = part.split(/(?<!\\)=/);
      setOf(values, tag).add(value);
    }
  }
  const [tag = '', found] = [...values].sort(([, a], [, b]) => b.size - a.size)[0] ?? [];
  return { tag, values: found?.size ?? 0 };
}
