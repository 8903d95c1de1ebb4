/**
 * Anomalies as they happen: each series has a detector, which sees its values in the order of event time. A value older than the last it saw, such as
 * one from a backlog, is not judged.
 */
import { type Anomaly, type Reading, TOPICS, type Transaction, type WebWindow } from '../../contract/index.ts';
import { concat, type Expression, type Flow, field, from, type Job, job } from '../../streams/core/index.ts';
import { createDetector, type Detector, type DetectorName } from '../detectors/index.ts';

const DETECTOR: DetectorName = 'adaptive';

interface Watch<T> {
  readonly source: Anomaly['source'];
  readonly series: Expression;
  /** How rare a value must be, in digits: 5 is once in a hundred thousand. The more values a series has, the more. */
  readonly threshold: number;
  /** The value in the series' own unit; null where there is none. */
  value(record: T): number | null;
  /** Where the detector sees another scale than people, there and back. */
  readonly scale?: { to(value: number): number; from(seen: number): number };
}

interface State {
  readonly detector: Detector;
  lastTs: number;
  /** Anomalies at `lastTs` so far: what comes in the same ms has an id of its own. */
  told: number;
}

function detect<T extends object>(flow: Flow<T>, watch: Watch<T>): Job {
  const { source, series, threshold } = watch;
  const create = () => createDetector(DETECTOR, { threshold });
  const to = watch.scale?.to ?? ((value: number) => value);
  const back = watch.scale?.from ?? ((seen: number) => seen);
  const plan = flow.process<State>({
    version: 1,
    series,
    outputs: [TOPICS.anomalies],
    init: () => ({ detector: create(), lastTs: 0, told: 0 }),
    step(state, record, ts, context) {
      const value = watch.value(record);
      if (value === null || ts < state.lastTs) return state;
      const { score, expected, isAnomaly, reason } = state.detector.observe(ts, to(value));
      if (ts > state.lastTs) state.told = 0;
      state.lastTs = ts;
      if (isAnomaly) {
        state.told++;
        const anomaly: Anomaly = {
          id: `${source}/${context.series}@${ts}${state.told > 1 ? `#${state.told}` : ''}`,
          source,
          series: context.series,
          ts,
          value,
          expected: expected === null ? null : back(expected),
          score,
          reason,
          detector: DETECTOR,
        };
        context.emit(TOPICS.anomalies, context.series, anomaly);
      }
      return state;
    },
    save: ({ detector, lastTs, told }) => ({ detector: detector.state(), lastTs, ...(told > 0 && { told }) }),
    load(saved) {
      const { detector: learnt, lastTs, told = 0 } = saved as { detector: unknown; lastTs: number; told?: number };
      const detector = create();
      detector.restore(learnt);
      return { detector, lastTs, told };
    },
  });
  // A detector's state is large beside a window's: it is not written more often than people can see.
  return job(`anomalies.${source}`, plan, { commitEveryMs: 500 });
}

const reading = field<Reading>;

/** Every reading of a device's metric. */
export const readingAnomalies = detect(from<Reading>(TOPICS.readings, { trusted: true }), {
  source: 'readings',
  series: concat(reading('gateway'), '/', reading('device'), '/', reading('metric')),
  threshold: 5,
  value: (record) => record.value,
});

/** The 95th percentile of a path's response time, every 10 s. */
export const responseTimeAnomalies = detect(
  from<WebWindow>(TOPICS.webRequests10s, { time: field<WebWindow>('windowStart'), trusted: true }),
  {
    source: 'response-times',
    series: field<WebWindow>('series'),
    threshold: 4.5,
    value: ({ p95, revision }) => (revision === 0 ? p95 : null),
  },
);

/** The size of an account's transactions: amounts spread over powers of ten, so the detector sees their logarithm. */
export const amountAnomalies = detect(from<Transaction>(TOPICS.transactions, { trusted: true }), {
  source: 'amounts',
  series: concat(field<Transaction>('account'), '/', field<Transaction>('currency')),
  threshold: 4.5,
  value: ({ amount }) => Math.abs(Number(amount)),
  scale: { to: (amount) => Math.log10(Math.max(amount, 0.01)), from: (seen) => 10 ** seen },
});
