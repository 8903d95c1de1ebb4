import type { Random } from '../random/index.ts';
import type { Process } from './physics.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** Mean times between the faults of one sensor. */
const SPIKE_EVERY = 20 * MINUTE;
const STUCK_EVERY = 60 * MINUTE;
const DRIFT_EVERY = 90 * MINUTE;

/** The same process seen by a sensor that at times spikes, sticks or drifts away and is calibrated again. */
export function withFaults(process: Process, random: Random): Process {
  let spikeAt: number | undefined;
  let stuckAt = 0;
  let stuckUntil = 0;
  let driftFrom = 0;
  let driftUntil = 0;
  let stuck: Record<string, number> | undefined;

  return (t) => {
    if (spikeAt === undefined) {
      spikeAt = t + random.exponential(SPIKE_EVERY);
      stuckAt = t + random.exponential(STUCK_EVERY);
      driftFrom = t + random.exponential(DRIFT_EVERY);
      driftUntil = driftFrom + 10 * MINUTE;
    }
    const values = process(t);
    const first = Object.keys(values)[0]!;
    if (t >= driftFrom) {
      values[first] = Number((values[first]! * (1 + (0.15 * (t - driftFrom)) / (10 * MINUTE))).toFixed(3));
      if (t >= driftUntil) {
        driftFrom = t + random.exponential(DRIFT_EVERY);
        driftUntil = driftFrom + 10 * MINUTE;
      }
    }
    if (t >= stuckAt) {
      stuckUntil = t + MINUTE + random.exponential(2 * MINUTE);
      stuckAt = stuckUntil + random.exponential(STUCK_EVERY);
      stuck = values;
    }
    if (t < stuckUntil && stuck) return { ...stuck };
    if (t >= spikeAt) {
      spikeAt = t + random.exponential(SPIKE_EVERY);
      values[first] = Number((values[first]! * (1.6 + random.uniform())).toFixed(3));
    }
    return values;
  };
}

/** Says of each time, asked in order, whether the device is cut off from the network then. */
export function outages(random: Random, everyMs: number, lastMs: number): (t: number) => boolean {
  let from: number | undefined;
  let until = 0;
  return (t) => {
    from ??= t + random.exponential(everyMs);
    if (until === 0) until = from + lastMs * (0.5 + random.uniform());
    if (t >= until) {
      from = t + random.exponential(everyMs);
      until = from + lastMs * (0.5 + random.uniform());
    }
    return t >= from;
  };
}
