import { type Health, TOPICS, type Topic } from '../../../contract/index.ts';

/**
 * How a field is stored. It is the field that decides, never the value: InfluxDB refuses a point whose field has another type than before. `money` is a decimal
 * string, stored as a float under its name and exactly, as text, under `<name>Exact`; `integers` is an object whose entries become `<name>.<key>`. `any` is
 * what nothing is known of: a number is a float under its name, a text stands under `<name>Text`, true and false under `<name>Boolean`, all else is left out.
 */
export type FieldType = 'float' | 'integer' | 'text' | 'boolean' | 'money' | 'integers' | 'any';

export type Bucket = 'readings' | 'results';

/** How the records of a topic become points. */
export interface Measurement {
  readonly name: string;
  readonly topic: Topic;
  readonly bucket: Bucket;
  /** The field that is the point's time, ms since the epoch. */
  readonly time: 'ts' | 'windowStart';
  /** What identifies the series, sorted; null or missing: that tag is left out. */
  readonly tags: readonly string[];
  /** By their names, those of nested objects with dots. Null or missing: that field is left out. */
  readonly fields: Readonly<Record<string, FieldType>>;
  /** What of the record is not stored: it follows from what is, or belongs in MongoDB. */
  readonly left?: readonly string[];
  /** Where a record becomes several points: the records that they are made from. */
  readonly split?: (record: Record<string, unknown>) => Record<string, unknown>[];
}

/** The measurement is called as its topic. */
function stored(
  topic: Topic,
  rest: Omit<Measurement, 'name' | 'topic' | 'bucket'>,
  bucket: Bucket = 'results',
): Measurement {
  return { name: topic.name, topic, bucket, ...rest };
}

/** Of every window. Its end is its start and what the topic's name says. */
const window = { time: 'windowStart', left: ['series', 'windowEnd'] } as const;
const counted = { count: 'integer', revision: 'integer' } as const;
const spread = { mean: 'float', min: 'float', max: 'float' } as const;
const reading = ['device', 'gateway', 'metric', 'site', 'unit'];
const weather = { temperature: 'float', humidity: 'float', pressure: 'float', windSpeed: 'float' } as const;
const comfort = { temperature: 'float', humidity: 'float', discomfort: 'float' } as const;

const readingWindow = { ...window, tags: reading, fields: { ...counted, ...spread, type: 'text' } } as const;
const webWindow = {
  ...window,
  tags: ['path'],
  fields: { ...counted, errorShare: 'float', p50: 'float', p95: 'float', p99: 'float' },
} as const;
const siteWindow = {
  ...window,
  left: [...window.left, 'topPaths'],
  tags: [],
  fields: {
    ...counted,
    errorShare: 'float',
    deniedShare: 'float',
    missingShare: 'float',
    p50: 'float',
    p95: 'float',
    clients: 'integer',
  },
} as const;
const transactionWindow = {
  ...window,
  tags: ['account', 'currency'],
  fields: { ...counted, sum: 'money', max: 'money' },
} as const;

/** The data model, which docs/reference/data-model.md explains. */
export const MEASUREMENTS: readonly Measurement[] = [
  stored(
    TOPICS.readings,
    { time: 'ts', tags: reading, fields: { value: 'float', clock: 'text' }, left: ['receivedAt'] },
    'readings',
  ),
  stored(TOPICS.readings10s, readingWindow),
  stored(TOPICS.readings1m, readingWindow),
  stored(TOPICS.sites1m, {
    ...window,
    tags: ['metric', 'site', 'type', 'unit'],
    fields: { ...counted, ...spread, devices: 'integer' },
  }),
  stored(TOPICS.comfort1m, {
    ...window,
    tags: ['device', 'gateway', 'site'],
    fields: { ...counted, ...comfort, type: 'text' },
  }),
  stored(TOPICS.siteComfort1m, {
    ...window,
    tags: ['site', 'type'],
    fields: { ...counted, ...comfort, devices: 'integer' },
  }),
  stored(TOPICS.silences, {
    time: 'ts',
    tags: ['device', 'gateway', 'kind', 'state'],
    fields: { id: 'text', cause: 'text', site: 'text', since: 'integer', usualMs: 'integer' },
    left: ['series'],
  }),
  stored(TOPICS.webRequests10s, webWindow),
  stored(TOPICS.webRequests1m, webWindow),
  stored(TOPICS.webSite10s, siteWindow),
  stored(TOPICS.webSite1m, siteWindow),
  stored(TOPICS.transactions10s, transactionWindow),
  stored(TOPICS.transactions1m, transactionWindow),
  stored(TOPICS.balances, {
    time: 'ts',
    tags: ['account', 'currency'],
    fields: { balance: 'money', version: 'integer' },
    left: ['transaction'],
  }),
  stored(TOPICS.weather, { time: 'ts', tags: ['place', 'provider'], fields: weather }),
  stored(TOPICS.siteWeather, { time: 'ts', tags: ['place', 'site'], fields: { ...weather, provider: 'text' } }),
  stored(TOPICS.air, { time: 'ts', tags: ['parameter', 'provider', 'station', 'unit'], fields: { value: 'float' } }),
  stored(TOPICS.traffic, {
    time: 'ts',
    tags: ['provider', 'segment'],
    fields: { speed: 'float', freeFlowSpeed: 'float', closed: 'boolean' },
  }),
  stored(TOPICS.quotes, {
    time: 'ts',
    tags: ['currency', 'provider', 'symbol'],
    fields: { price: 'money', volume: 'integer' },
  }),
  stored(TOPICS.anomalies, {
    time: 'ts',
    tags: ['series', 'source'],
    fields: { id: 'text', value: 'float', expected: 'float', score: 'float', reason: 'text', detector: 'text' },
  }),
  stored(TOPICS.breaches, { ...window, tags: ['kind', 'subject'], fields: { ...counted, value: 'float' } }),
  stored(TOPICS.episodes, {
    time: 'windowStart',
    tags: ['kind', 'subject'],
    fields: {
      ...counted,
      windowEnd: 'integer',
      early: 'boolean',
      mergedInto: 'integer',
      most: 'float',
      peak: 'float',
      until: 'integer',
    },
    left: ['series'],
  }),
  stored(TOPICS.alerts, {
    time: 'ts',
    tags: ['rule', 'series', 'severity', 'state'],
    fields: { id: 'text', summary: 'text', value: 'float', since: 'integer' },
    left: ['labels'],
  }),
  stored(TOPICS.health, {
    time: 'ts',
    tags: ['kind', 'process'],
    fields: {
      rssMb: 'float',
      cpuShare: 'float',
      diskFreeBytes: 'integer',
      certificateExpiresAt: 'integer',
      counts: 'integers',
      startedAt: 'integer',
      lagMax: 'integer',
      lagMaxOf: 'text',
      certificate: 'text',
      certificateDaysLeft: 'float',
      'latencyMs.p50': 'float',
      'latencyMs.p99': 'float',
    },
    left: ['lag'],
  }),
  {
    name: 'platform.lag',
    topic: TOPICS.health,
    bucket: 'results',
    time: 'ts',
    tags: ['group', 'process', 'topic'],
    fields: { records: 'integer' },
    split: lags,
  },
  stored(TOPICS.gateways, {
    time: 'ts',
    tags: ['gateway', 'site'],
    fields: {
      version: 'text',
      incarnation: 'text',
      state: 'text',
      startedAt: 'integer',
      'backlog.readings': 'integer',
      'backlog.bytes': 'integer',
      'backlog.oldestTs': 'integer',
      counts: 'integers',
      'disk.freeBytes': 'integer',
      'disk.bufferBytes': 'integer',
      certificateExpiresAt: 'integer',
    },
    left: ['inputs', 'certificates'],
  }),
];

/** Topics that have a schema and are not stored here, and why. */
export const NOT_STORED: Readonly<Record<string, string>> = {
  [TOPICS.webRequests.name]: 'single events of any number of clients: their windows are stored',
  [TOPICS.webSessions.name]: 'any number of clients: MongoDB has them',
  [TOPICS.transactions.name]: 'single events: their windows are stored, MongoDB has them',
  [TOPICS.transactionsEnriched.name]: 'single events: MongoDB has them',
  [TOPICS.weatherReadings.name]: 'every reading once more: the weather of the site is stored by itself',
  [TOPICS.social.name]: 'text',
  [TOPICS.devices.name]: 'reference data',
  [TOPICS.accounts.name]: 'reference data',
  [TOPICS.places.name]: 'reference data',
  [TOPICS.alertSilences.name]: 'what people have set, which the hub keeps',
  [TOPICS.notifications.name]: 'what was told of alerts, which are stored by themselves',
  [TOPICS.alertChannels.name]: 'text about how each channel fares, told on the live page',
  [TOPICS.late.name]: 'bytes',
  [TOPICS.deadLetters.name]: 'bytes',
};

function lags(health: Record<string, unknown>): Record<string, unknown>[] {
  const { ts, process, lag } = health as Partial<Health>;
  return Object.entries(lag ?? {}).map(([name, records]) => {
    // A group's name has no slash.
    const [group, topic] = [name.slice(0, name.indexOf('/')), name.slice(name.indexOf('/') + 1)];
    return { ts, process, group, topic, records };
  });
}
