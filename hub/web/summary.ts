import type { FeedState, Store } from '../sinks/index.ts';
import type { Pulse } from './frames.ts';
import type { Latency } from './latency.ts';

/** A process of the platform as whoever started it sees it. */
export interface Part {
  readonly name: string;
  readonly state: 'starting' | 'ready' | 'failed' | 'stopped';
  /** What it is doing, or what went wrong and what to do, for people. */
  readonly detail: string;
}

/** The platform in one object. Counts go on over restarts, as the gateway's buffer and the hub's state do. */
export interface Summary {
  readonly readings: {
    /** On a gateway's disk and acknowledged to the device. */
    readonly acknowledged: number;
    /** Of these, in Kafka. */
    readonly forwarded: number;
    /** Passed on by the hub's intake, each once. */
    readonly counted: number;
    /** `gaps` + `evicted` + `refused`. */
    readonly lost: number;
    /** Repeats of forwarded readings that the intake dropped. */
    readonly duplicatesDropped: number;
    /** Missing in a lane and never announced. */
    readonly gaps: number;
    /** Given up by a full buffer after they had been acknowledged. */
    readonly evicted: number;
    /** Never acknowledged, and sent by devices that do not keep them. */
    readonly refused: number;
  };
  /** Distinct window results. */
  readonly windows: number;
  readonly anomalies: number;
  readonly deadLetters: number;
  readonly late: number;
  readonly unreadable: number;
  readonly alertsFiring: number;
  /** From the receipt at the gateway to the moment a reading leaves for the page, over the last minute. */
  readonly latencyMs: Latency;
  readonly readingsPerSecond: number;
  /** The consumer group that is furthest behind, and by how many records; null while no hub tells. */
  readonly lag: { readonly most: number; readonly of: string } | null;
  /** When the first reading left for the page; ms since the epoch. */
  readonly firstChartAt: number | null;
  readonly startedAt: number;
  readonly now: number;
  readonly feed: FeedState;
  readonly parts: readonly Part[];
}

/** Counts of the intake job, one health record for each of its partitions. */
const INTAKE = 'hub:intake/';
/** A hub that has not told for so long tells nothing of now. */
const TOLD_WITHIN_MS = 60_000;

export function summarize(
  store: Store,
  pulse: Pulse,
  of: Pick<Summary, 'firstChartAt' | 'startedAt' | 'now' | 'feed' | 'parts'>,
): Summary {
  const gateways = store.gateways();
  const intake = store.health().filter((health) => health.value.process.startsWith(INTAKE));
  const atGateways = (count: keyof (typeof gateways)[number]['counts']) =>
    gateways.reduce((sum, gateway) => sum + gateway.counts[count], 0);
  const atIntake = (count: string) => intake.reduce((sum, { value }) => sum + (value.counts[count] ?? 0), 0);

  const gaps = atIntake('gaps');
  const evicted = atGateways('evicted');
  const counted = atIntake('counted');
  const refused = atGateways('lost');
  const { windows, anomalies, deadLetters, late, unreadable, alertsFiring } = store.totals();
  return {
    readings: {
      // A gateway's own word comes every few seconds; what was counted since was acknowledged before.
      acknowledged: Math.max(atGateways('acknowledged'), counted),
      forwarded: atGateways('forwarded'),
      counted,
      lost: gaps + evicted + refused,
      duplicatesDropped: atIntake('duplicatesDropped'),
      gaps,
      evicted,
      refused,
    },
    windows,
    anomalies,
    deadLetters,
    late,
    unreadable,
    alertsFiring,
    lag: furthestBehind(store, of.now),
    ...pulse,
    ...of,
  };
}

function furthestBehind(store: Store, now: number): Summary['lag'] {
  const told = store.health().filter(({ seenAt }) => now - seenAt < TOLD_WITHIN_MS);
  const lags = told.flatMap(({ value: { lagMax, lagMaxOf } }) =>
    lagMax === undefined || lagMaxOf === undefined ? [] : [{ most: lagMax, of: lagMaxOf }],
  );
  return lags.sort((a, b) => b.most - a.most)[0] ?? null;
}
