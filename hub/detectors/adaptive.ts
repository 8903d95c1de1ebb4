import { median, medianAbsoluteDeviation } from 'simple-statistics';
import { HeadwaterError } from '../../contract/index.ts';
import { newTail, rarity, type TailState } from './tail.ts';
import type { Detector, DetectorOptions, Verdict } from './types.ts';

const VERSION = 1;
/** Observations looked at before the first estimate of level and scale. */
const FIRST = 20;
/** Observations before the first anomaly. */
const WARM_UP = 150;
/** Weights of moving means, as the number of observations they look back over. */
const SHORT = 20;
const LONG = 300;
const SCALE = 600;
const HOURLY = 50;
/** A surprise moves a scale by at most this many scales, so that an anomaly does not teach that anomalies are normal. */
const CLIP = 10;
/** A value counts in means as if it lay at most this many scales from what was expected. */
const LIMIT = 100;
const HOURS = 24;
const HOUR_MS = 3_600_000;
/** A difference this small, as a share of the range of all values, is none. */
const NO_DIFFERENCE = 0.002;
/** How much the other surprises add to the greatest. */
const SUPPORT = 0.1;
/** Decimal digits of rarity at which the score is 0.5: with overlapping questions, about one value of plain noise in a thousand. */
const THRESHOLD = 3.8;
/** Observations for which an anomaly silences others, ever less, unless they are rarer by this many digits and more. */
const REFRACTORY = 600;
const REFRACTORY_DIGITS = 1;

/** What a value is compared for, in the order of `State.scales`; how restless the series is comes after them in `State.tails`. */
const REASONS = [
  'unusual for this hour of the day',
  'the level has shifted',
  'the level has shifted for this hour of the day',
] as const;
const SPREAD = REASONS.length;

interface State {
  detector: 'adaptive';
  version: number;
  count: number;
  /** The first values, until there are FIRST of them. */
  first: number[];
  min: number;
  max: number;
  last: number;
  short: number;
  long: number;
  /** Mean of the last values less what their hours led to expect. */
  hourly: number;
  shortStep: number;
  longStep: number;
  scales: number[];
  tails: TailState[];
  hours: number[];
  hourCounts: number[];
  /** Rarity of the last anomaly, and observations since. */
  anomaly: number;
  since: number;
}

/**
 * The detector of choice for any series. It asks in several ways how surprising a value is: against the hour of the day, the level of late, and how
 * restless the series is. Each surprise, in units of its own robust scale, is turned into a probability by its own tail (tail.ts), and the rarest
 * counts. That a short mean is judged against a long one follows the anomaly likelihood of Lavin & Ahmad, "Evaluating Real-Time Anomaly
 * Detection Algorithms", ICMLA 2015. One event gives one anomaly: what follows it is silenced for a while. `threshold` is the number of decimal digits of
 * rarity from which a value is an anomaly.
 */
export function adaptive({ threshold = THRESHOLD }: DetectorOptions = {}): Detector {
  let s = fresh();
  return {
    observe: (ts, value) => observe(s, ts, value, threshold),
    state: () => structuredClone(s),
    restore(state) {
      s = structuredClone(checked(state));
    },
  };
}

function fresh(): State {
  return {
    detector: 'adaptive',
    version: VERSION,
    count: 0,
    first: [],
    min: 0,
    max: 0,
    last: 0,
    short: 0,
    long: 0,
    hourly: 0,
    shortStep: 0,
    longStep: 0,
    scales: REASONS.map(() => 0),
    tails: Array.from({ length: SPREAD + 1 }, newTail),
    hours: new Array(HOURS).fill(0),
    hourCounts: new Array(HOURS).fill(0),
    anomaly: 0,
    since: 0,
  };
}

function checked(state: unknown): State {
  const s = state as Partial<State> | null;
  if (s?.detector !== 'adaptive' || s.version !== VERSION)
    throw new HeadwaterError(
      'DETECTOR_STATE_INVALID',
      `This is not the state of the adaptive detector, version ${VERSION}`,
    );
  return s as State;
}

function observe(s: State, ts: number, value: number, threshold: number): Verdict {
  if (!Number.isFinite(value)) return { score: 0, expected: null, isAnomaly: false, reason: 'not a finite number' };
  // Beyond this, differences of values would overflow to infinity, which no JSON state can hold.
  const x = Math.max(-1e150, Math.min(1e150, value));
  s.count++;
  if (s.count <= FIRST) {
    s.first.push(x);
    if (s.count === FIRST) begin(s);
    return { score: 0, expected: null, isAnomaly: false, reason: '' };
  }
  return judge(s, ts, x, threshold);
}

/** Median and median deviation, which one wild value among the first does not move. */
function begin(s: State): void {
  const level = median(s.first);
  s.min = Math.min(...s.first);
  s.max = Math.max(...s.first);
  s.short = s.long = level;
  s.last = s.first.at(-1)!;
  s.scales.fill(1.25 * medianAbsoluteDeviation(s.first));
  s.shortStep = s.longStep = median(s.first.slice(1).map((v, i) => Math.abs(v - s.first[i]!)));
  s.first = [];
}

function judge(s: State, ts: number, x: number, threshold: number): Verdict {
  const width = s.max - s.min;
  // The range grows by its own width at most, so that one absurd value does not make all others look alike.
  if (x < s.min) s.min = width > 0 ? Math.max(x, s.min - width) : x;
  if (x > s.max) s.max = width > 0 ? Math.min(x, s.max + width) : x;
  const least = NO_DIFFERENCE * (s.max - s.min) + 1e-12;
  const hour = ((Math.floor(ts / HOUR_MS) % HOURS) + HOURS) % HOURS;
  const expected = s.hourCounts[hour]! > 0 ? s.hours[hour]! : s.long;
  // What the means take in of a wild value.
  const limit = LIMIT * (s.scales[0]! + least);
  const tame = Math.max(expected - limit, Math.min(expected + limit, x));
  const step = Math.abs(tame - s.last);
  s.last = tame;
  s.short += (tame - s.short) / SHORT;
  s.shortStep += (step - s.shortStep) / SHORT;
  s.hourly += (tame - expected - s.hourly) / SHORT;

  const { rarest, reason } = surprise(s, [x - expected, s.short - s.long, s.hourly], least);

  s.long += (tame - s.long) / Math.min(LONG, s.count);
  s.longStep += (Math.min(step, CLIP * s.longStep + least) - s.longStep) / Math.min(LONG, s.count);
  s.hourCounts[hour] = Math.min(s.hourCounts[hour]! + 1, HOURLY);
  s.hours[hour] = s.hours[hour]! + (tame - s.hours[hour]!) / s.hourCounts[hour]!;

  const digits = s.count < WARM_UP ? 0 : afterRefractory(s, rarest, threshold);
  const score = digits / (digits + threshold);
  return { score, expected, isAnomaly: score >= 0.5, reason: digits > 0 ? reason : '' };
}

/** How rare the rarest of the differences, or the present restlessness, is; and which it was. */
function surprise(s: State, differences: readonly number[], least: number): { rarest: number; reason: string } {
  let [rarest, sum, reason] = [0, 0, ''];
  const weigh = (tail: number, size: number, why: string) => {
    const digits = rarity(s.tails[tail]!, size);
    sum += digits;
    if (digits > rarest) [rarest, reason] = [digits, why];
  };
  for (const [i, difference] of differences.entries()) {
    const size = Math.abs(difference);
    const scale = s.scales[i]!;
    weigh(i, Math.log1p(size / (scale + least)), REASONS[i]!);
    s.scales[i] = scale + (Math.min(size, CLIP * scale + least) - scale) / Math.min(SCALE, s.count);
  }
  const restless = Math.log((s.shortStep + least) / (s.longStep + least));
  weigh(SPREAD, Math.abs(restless), restless > 0 ? 'more restless than usual' : 'calmer than usual, as if stuck');
  return { rarest: rarest + SUPPORT * (sum - rarest), reason };
}

/** Damps what follows an anomaly and is not much rarer; less and less with every observation. */
function afterRefractory(s: State, digits: number, threshold: number): number {
  const bar = (s.anomaly + REFRACTORY_DIGITS) * Math.max(0, 1 - s.since / REFRACTORY);
  s.since++;
  if (digits < threshold) return digits;
  if (s.anomaly > 0 && digits <= bar) return 0.3 * digits;
  s.anomaly = digits;
  s.since = 0;
  return digits;
}
