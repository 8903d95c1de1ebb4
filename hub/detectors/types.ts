/** What a detector makes of one observation. */
export interface Verdict {
  /** 0…1; 0.5 and above is an anomaly. Comparable between series: it says how rare, not how large. */
  readonly score: number;
  /** What the value was expected to be, in the series' own unit; null while the detector knows too little. */
  readonly expected: number | null;
  readonly isAnomaly: boolean;
  /** A short sentence for people; empty where there is nothing to say. */
  readonly reason: string;
}

export interface DetectorOptions {
  /**
   * Where the score is 0.5, in the detector's own measure. The default suits a value every few minutes; a series of many values a second wants a
   * higher one, since false alarms come by the number of values and people count them by the day.
   */
  readonly threshold?: number;
}

/**
 * Judges one series, an observation at a time, in the order it is given: never looks ahead, reads no clock and draws no lots, so the same
 * observations give the same verdicts. A detector restored from `state()` goes on exactly as the one that gave it.
 */
export interface Detector {
  /** @param ts ms since the epoch @param value in the series' unit; one that is not finite is passed over */
  observe(ts: number, value: number): Verdict;
  /** Everything learnt so far, as plain JSON of at most 2 KB. */
  state(): unknown;
  /** @throws HeadwaterError `DETECTOR_STATE_INVALID` when `state` is of another detector or version */
  restore(state: unknown): void;
}
