import { HeadwaterError } from '../../contract/index.ts';
import type { Detector, DetectorOptions, Verdict } from './types.ts';

const VERSION = 1;
const WARM_UP = 150;
/** Observations a moving mean looks back over. */
const LOOK_BACK = 1_000;
/** Standard deviations at which the score is 0.5. */
const THRESHOLD = 5;

interface State {
  detector: 'gaussian';
  version: number;
  count: number;
  mean: number;
  variance: number;
}

/**
 * The yardstick: how far a value lies from a moving mean, in moving standard deviations, with exponentially weighted moments (Finch, "Incremental
 * calculation of weighted mean and variance", 2009). Good for series without seasons, shifts or heavy tails, and easy to explain.
 * `threshold` is in standard deviations.
 */
export function gaussian({ threshold = THRESHOLD }: DetectorOptions = {}): Detector {
  let s: State = { detector: 'gaussian', version: VERSION, count: 0, mean: 0, variance: 0 };
  return {
    observe: (_ts, value) => observe(s, value, threshold),
    state: () => ({ ...s }),
    restore(state) {
      const given = state as Partial<State> | null;
      if (given?.detector !== 'gaussian' || given.version !== VERSION)
        throw new HeadwaterError(
          'DETECTOR_STATE_INVALID',
          `This is not the state of the gaussian detector, version ${VERSION}`,
        );
      s = { ...(given as State) };
    },
  };
}

function observe(s: State, value: number, threshold: number): Verdict {
  if (!Number.isFinite(value)) return { score: 0, expected: null, isAnomaly: false, reason: 'not a finite number' };
  // Beyond this, squares would overflow to infinity, which no JSON state can hold.
  const x = Math.max(-1e150, Math.min(1e150, value));
  s.count++;
  const known = s.count > WARM_UP;
  const expected = known ? s.mean : null;
  const difference = x - s.mean;
  const deviations = Math.abs(difference) / Math.sqrt(s.variance + Number.MIN_VALUE);
  const weight = 1 / Math.min(s.count, LOOK_BACK);
  s.mean += weight * difference;
  s.variance = (1 - weight) * (s.variance + weight * difference * difference);
  if (!known || difference === 0) return { score: 0, expected, isAnomaly: false, reason: '' };
  // Infinitely many where the series never varied before.
  const score = Number.isFinite(deviations) ? deviations / (deviations + threshold) : 1;
  return {
    score,
    expected,
    isAnomaly: score >= 0.5,
    reason: `${deviations.toFixed(1)} standard deviations from the mean`,
  };
}
