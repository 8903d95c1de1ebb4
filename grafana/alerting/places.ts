import type { Rule } from '../../hub/alerts/index.ts';
import { DASHBOARDS } from '../dashboards/index.ts';
import { renderDashboard } from '../render.ts';

/** Where an alert about a topic is looked at: a dashboard and the title of one of its panels. */
const PLACES: Readonly<Record<string, readonly [uid: string, panel: string]>> = {
  gateways: ['headwater-gateway', 'Backlog'],
  'iot.silences': ['headwater-gateway', 'Silences'],
  'platform.health': ['headwater-engine', 'Latest word of each process'],
  'web.requests.10s': ['headwater-web', 'Share of $path that failed'],
  'iot.readings.10s': ['headwater-gateway', 'Devices and what they measure'],
  anomalies: ['headwater-anomalies', 'How many'],
};
/** Of topics and rules that are about several things. */
const BY_RULE: Readonly<Record<string, readonly [uid: string, panel: string]>> = {
  'web-slow': ['headwater-web', 'Response time of $path'],
  'consumer-lag': ['headwater-engine', 'Lag by consumer group'],
  'page-latency': ['headwater-engine', 'From a gateway to the page'],
  'certificate-expires-soon': ['headwater-engine', 'Certificates end in'],
  'certificate-expires-now': ['headwater-engine', 'Certificates end in'],
  'kafka-broker-down': ['headwater-engine', 'Brokers'],
  'kafka-under-replicated': ['headwater-engine', 'Brokers'],
  'kafka-partitions-offline': ['headwater-engine', 'Brokers'],
  'disk-nearly-full': ['headwater-engine', 'Free disk'],
  'payment-velocity': ['headwater-finance', 'Payments too fast'],
  'web-client-hammering': ['headwater-web', 'Clients that hammer'],
  'gateway-silent': ['headwater-gateway', 'Last heard'],
};
const EPISODES = ['headwater-web', 'Bursts of failures, denials and wrong addresses'] as const;

/** The panel that a rule's alerts are linked to. @throws Error where the rule's topic is on no dashboard */
export function placeOf(rule: Rule): { dashboardUid: string; panelId: number } {
  const place = BY_RULE[rule.id] ?? PLACES[rule.topic.name] ?? (rule.topic.name === 'episodes' ? EPISODES : undefined);
  if (place === undefined)
    throw new Error(`say in grafana/alerting/places.ts where alerts of ${rule.id} are looked at`);
  const [uid, title] = place;
  const panel = RENDERED.get(uid)?.find((of) => of.type !== 'row' && of.title === title);
  if (panel?.id === undefined) throw new Error(`the dashboard ${uid} has no panel «${title}»`);
  return { dashboardUid: uid, panelId: panel.id };
}

const RENDERED = new Map(DASHBOARDS.map((of) => [of.uid, renderDashboard(of).panels!]));
