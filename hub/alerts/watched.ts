import { TOPICS, type Topic } from '../../contract/index.ts';

/** A topic that rules may be about, with the fields that name a record's series and time, and what its alerts are about by themselves. */
export interface Watched {
  readonly topic: Topic;
  readonly series: string;
  readonly time: string;
  /** Fields of the record by the name of their label. */
  readonly labels: Readonly<Record<string, string>>;
}

const same = (...names: string[]) => Object.fromEntries(names.map((name) => [name, name]));

const windows = (labels: Readonly<Record<string, string>>, ...topics: Topic[]): Watched[] =>
  topics.map((topic) => ({ topic, series: 'series', time: 'windowEnd', labels }));

const ALL: readonly Watched[] = [
  ...windows(same('site', 'gateway', 'device', 'metric'), TOPICS.readings10s, TOPICS.readings1m),
  ...windows(same('site', 'metric', 'type'), TOPICS.sites1m),
  ...windows(same('site', 'gateway', 'device'), TOPICS.comfort1m),
  ...windows(same('site', 'type'), TOPICS.siteComfort1m),
  ...windows(same('path'), TOPICS.webRequests10s, TOPICS.webRequests1m),
  ...windows({}, TOPICS.webSite10s, TOPICS.webSite1m),
  ...windows(same('account'), TOPICS.transactions10s, TOPICS.transactions1m),
  ...windows(same('kind', 'subject'), TOPICS.episodes),
  { topic: TOPICS.silences, series: 'series', time: 'ts', labels: same('site', 'gateway', 'device') },
  { topic: TOPICS.anomalies, series: 'series', time: 'ts', labels: same('source') },
  { topic: TOPICS.health, series: 'process', time: 'ts', labels: same('process') },
  { topic: TOPICS.gateways, series: 'gateway', time: 'ts', labels: same('site', 'gateway') },
];

export const WATCHED: ReadonlyMap<string, Watched> = new Map(ALL.map((watched) => [watched.topic.name, watched]));
