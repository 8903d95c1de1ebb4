import type { Counted } from '../health/index.ts';

/** Quantiles in ms, null where nothing was recorded. */
export interface Latency {
  readonly p50: number | null;
  readonly p99: number | null;
}

export interface LatencyRecorder {
  /** `ms` below 0 counts as 0. */
  record(ms: number, now: number): void;
  /** Of what was recorded in the last minute, within 4 %. */
  read(now: number): Latency;
  /** Everything that was recorded, in seconds. */
  counted(): Counted;
}

const SLICE_MS = 10_000;
const SLICES = 6;
/** Buckets grow by 8 %, so their middle is within 4 % of every value in them: 0…1 ms, then up to 20 minutes. */
const GROWTH = Math.log(1.08);
const BUCKETS = 184;
/** For Prometheus, seconds: from what a browser shows at once to what somebody should look at. */
const BOUNDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** Counts in logarithmic buckets, one set for each of the last six slices of 10 s. */
export function createLatencyRecorder(): LatencyRecorder {
  const slices = Array.from({ length: SLICES }, () => ({ slot: -1, counts: new Uint32Array(BUCKETS) }));
  /** Of each bound, and of what is above them all. */
  const ever = BOUNDS.concat(Infinity).map((bound) => ({ bound, count: 0 }));
  let sum = 0;

  return {
    record(ms, now) {
      const seconds = Math.max(0, ms) / 1_000;
      ever.find(({ bound }) => seconds <= bound)!.count++;
      sum += seconds;
      const slot = Math.floor(now / SLICE_MS);
      const slice = slices[slot % SLICES]!;
      if (slice.slot !== slot) {
        slice.slot = slot;
        slice.counts.fill(0);
      }
      const bucket = ms <= 1 ? 0 : Math.min(BUCKETS - 1, 1 + Math.floor(Math.log(ms) / GROWTH));
      slice.counts[bucket]! += 1;
    },
    read(now) {
      const oldest = Math.floor(now / SLICE_MS) - SLICES;
      const counts = new Array<number>(BUCKETS).fill(0);
      let total = 0;
      for (const slice of slices) {
        if (slice.slot <= oldest) continue;
        for (let i = 0; i < BUCKETS; i++) {
          counts[i]! += slice.counts[i]!;
          total += slice.counts[i]!;
        }
      }
      return { p50: quantile(counts, total, 0.5), p99: quantile(counts, total, 0.99) };
    },
    counted() {
      let count = 0;
      const atMost = ever.map((bucket) => {
        count += bucket.count;
        return [bucket.bound, count] as const;
      });
      return { atMost: atMost.slice(0, -1), count, sum };
    },
  };
}

function quantile(counts: readonly number[], total: number, q: number): number | null {
  if (total === 0) return null;
  let rank = Math.ceil(q * total);
  const bucket = counts.findIndex((count) => {
    rank -= count;
    return rank <= 0;
  });
  // Two decimals: one would be off by up to 5 % itself where values are small.
  return bucket === 0 ? 1 : Math.round(Math.exp((bucket - 0.5) * GROWTH) * 100) / 100;
}
