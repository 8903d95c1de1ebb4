/** How often a surprise exceeds the threshold beyond which its tail is modelled. */
const EXCEED = 0.01;
const DIGITS_AT_THRESHOLD = -Math.log10(EXCEED);
/** Excesses so alike that any other would seem impossible are taken to be this large: a ceiling on certainty. */
const LEAST_EXCESS = 0.05;

/** What a tail has learnt: its threshold, the mean excess over it, and the number of surprises seen. */
export interface TailState {
  threshold: number;
  excess: number;
  count: number;
}

export function newTail(): TailState {
  return { threshold: 0, excess: 0.15, count: 0 };
}

/**
 * How rare a surprise is, as the number of decimal digits of its probability (3 is one in a thousand); 0 for an ordinary one. Learns from it too.
 * Peaks over threshold with an exponential tail (Siffer et al., "Anomaly Detection in Streams with Extreme Value Theory", KDD 2017); the surprises
 * are logarithms, so in the surprise itself the tail is a power law, and a series of habitual spikes is not judged by the normal distribution.
 */
export function rarity(tail: TailState, surprise: number): number {
  tail.count++;
  const over = surprise - tail.threshold;
  const digits = over > 0 ? DIGITS_AT_THRESHOLD + (over / Math.max(tail.excess, LEAST_EXCESS)) * Math.LOG10E : 0;
  // Stochastic approximation of the quantile: balanced when a share of EXCEED lies above.
  const step = 2 * Math.max(0.001, 1 / tail.count) * Math.max(0.05, tail.excess);
  tail.threshold += over > 0 ? step * (1 - EXCEED) : -step * EXCEED;
  if (over > 0) {
    const weight = Math.max(0.01, 1 / (tail.count * EXCEED + 20));
    tail.excess += weight * (Math.min(over, 5 * tail.excess) - tail.excess);
  }
  return digits;
}
