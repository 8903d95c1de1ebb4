import { type Anomaly, LANES, type Lane, type Reading } from '../../contract/index.ts';
import type { Counted } from '../health/index.ts';
import type { Results } from '../sinks/index.ts';
import { createLatencyRecorder, type Latency } from './latency.ts';

/** What happened since the frame before, as the page gets it. */
export interface Frame {
  /** Device, metric, then time and value of each reading in turn. */
  readonly readings: (string | number)[][];
  readonly anomalies: readonly Anomaly[];
  /** Topics with new results: the page asks again for what it shows of them. */
  readonly changed: readonly string[];
  /** Once a second. */
  readonly summary?: unknown;
}

export interface Pulse {
  readonly latencyMs: Latency;
  readonly readingsPerSecond: number;
}

/** Gathers results between two frames, so that what a client gets is bounded, whatever the rate of readings. */
export interface FrameBuilder {
  add(results: Results, topic: string): void;
  /**
   * Ends the frame; undefined when there is nothing to tell. Latency is taken here, where readings leave for the page: from their receipt at
   * the gateway, for those of the `live` lane.
   */
  seal(now: number, summary: (pulse: Pulse) => unknown): Frame | undefined;
  pulse(now: number): Pulse;
  /** Latencies of all live readings, in seconds. */
  latencies(): Counted;
  /** Of the last ten minutes, one a second. */
  history(): readonly (Pulse & { readonly at: number })[];
  /** When the first frame with a reading was sealed; null before. */
  firstReadingAt(): number | null;
}

const SUMMARY_EVERY_MS = 1_000;
const HISTORY = 600;
const RATE_OVER_MS = 10_000;
/** A chart cannot show more between two frames; the last ones are kept. */
const POINTS_OF_SERIES = 20;
const SERIES_IN_FRAME = 1_000;
const LIVE: Lane = LANES[1];

export function createFrameBuilder(): FrameBuilder {
  const latency = createLatencyRecorder();
  const rates: { at: number; count: number }[] = [];
  let points = new Map<string, { reading: Reading; points: number[] }>();
  let receipts: number[] = [];
  let arrived = 0;
  let anomalies: Anomaly[] = [];
  let changed = new Set<string>();
  const history: (Pulse & { at: number })[] = [];
  let firstReadingAt: number | null = null;
  let summaryAt = Number.NEGATIVE_INFINITY;

  function addReading(reading: Reading): void {
    const key = `${reading.device} ${reading.metric}`;
    let series = points.get(key);
    if (!series) {
      if (points.size >= SERIES_IN_FRAME) return;
      series = { reading, points: [] };
      points.set(key, series);
    }
    series.points.push(reading.ts, reading.value);
    if (series.points.length > 2 * POINTS_OF_SERIES) series.points.splice(0, 2);
  }

  function pulse(now: number): Pulse {
    while (rates[0] && rates[0].at <= now - RATE_OVER_MS) rates.shift();
    const since = rates[0]?.at ?? now;
    // Over the time there is, while that is shorter; at least a second, or the first readings would show as a burst.
    const seconds = Math.max(1_000, Math.min(RATE_OVER_MS, now - since)) / 1_000;
    const count = rates.reduce((sum, rate) => sum + rate.count, 0);
    return { latencyMs: latency.read(now), readingsPerSecond: Math.round((count / seconds) * 10) / 10 };
  }

  return {
    add(results, topic) {
      for (const { reading, lane } of results.readings) {
        addReading(reading);
        if (lane === LIVE) receipts.push(reading.receivedAt);
      }
      arrived += results.readings.length;
      anomalies.push(...results.anomalies);
      if (results.readings.length === 0) changed.add(topic);
    },
    seal(now, summary) {
      for (const receivedAt of receipts) latency.record(now - receivedAt, now);
      if (arrived > 0) {
        rates.push({ at: now, count: arrived });
        firstReadingAt ??= now;
      }
      const due = now - summaryAt >= SUMMARY_EVERY_MS;
      if (arrived === 0 && changed.size === 0 && !due) return undefined;
      const felt = pulse(now);
      const frame: Frame = {
        readings: [...points.values()].map(({ reading, points }) => [reading.device, reading.metric, ...points]),
        anomalies: anomalies.slice(-50),
        changed: [...changed],
        ...(due && { summary: summary(felt) }),
      };
      if (due) {
        summaryAt = now;
        history.push({ ...felt, at: now });
        if (history.length > HISTORY) history.shift();
      }
      points = new Map();
      receipts = [];
      arrived = 0;
      anomalies = [];
      changed = new Set();
      return frame;
    },
    pulse,
    latencies: latency.counted,
    history: () => history,
    firstReadingAt: () => firstReadingAt,
  };
}
