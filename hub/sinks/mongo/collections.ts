import { TOPICS, type Topic } from '../../../contract/index.ts';

/** An index beside that of `_id`, which every collection has. */
export interface Index {
  readonly name: string;
  /** 1 ascending, -1 descending, in this order. */
  readonly keys: Readonly<Record<string, 1 | -1>>;
  /** Documents are deleted this long after the time in the first key. Not on FerretDB. */
  readonly expireAfterSeconds?: number;
  /** Only documents for which this holds are in it. FerretDB indexes all of them. */
  readonly only?: Readonly<Record<string, unknown>>;
}

/** What one connector makes of the records of one topic. */
export interface Collection {
  readonly name: string;
  readonly topic: Topic;
  /** The field that becomes `_id`, or those that make one together. */
  readonly id: string | readonly string[];
  readonly indexes: readonly Index[];
}

const DAY_S = 86_400;

/** The collections of the database, one connector for each: what goes wrong with one stops no other. */
export const COLLECTIONS: readonly Collection[] = [
  {
    name: 'anomalies',
    topic: TOPICS.anomalies,
    id: 'id',
    indexes: [
      { name: 'ts', keys: { ts: -1 }, expireAfterSeconds: 365 * DAY_S },
      { name: 'series', keys: { series: 1, ts: -1 } },
    ],
  },
  {
    name: 'alerts',
    topic: TOPICS.alerts,
    // The same for every state of an episode, so a document is the alert as it is now.
    id: 'id',
    indexes: [
      { name: 'ts', keys: { ts: -1 }, expireAfterSeconds: 365 * DAY_S },
      { name: 'rule', keys: { rule: 1, since: -1 } },
      { name: 'open', keys: { severity: 1, since: -1 }, only: { state: { $in: ['pending', 'firing'] } } },
    ],
  },
  {
    name: 'transactions',
    topic: TOPICS.transactionsEnriched,
    id: 'id',
    indexes: [
      { name: 'account', keys: { account: 1, ts: -1 } },
      { name: 'ts', keys: { ts: -1 } },
    ],
  },
  {
    name: 'sessions',
    topic: TOPICS.webSessions,
    id: ['series', 'windowStart'],
    indexes: [
      { name: 'windowStart', keys: { windowStart: -1 }, expireAfterSeconds: 90 * DAY_S },
      { name: 'client', keys: { clientIp: 1, windowStart: -1 } },
    ],
  },
];
