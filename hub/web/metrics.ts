import { type Alert, type AlertChannel, TOPICS } from '../../contract/index.ts';
import type { Family, MetricsPart } from '../health/index.ts';
import type { Feed, Store } from '../sinks/index.ts';
import type { FrameBuilder } from './frames.ts';

export const WEB_METRICS: readonly Family[] = [
  {
    name: 'headwater_hub_end_to_end_latency_seconds',
    type: 'histogram',
    help: 'From the receipt of a live reading at its gateway to the moment it leaves for the page.',
  },
  { name: 'headwater_hub_page_clients', type: 'gauge', help: 'Open live pages.' },
  { name: 'headwater_hub_feed_up', type: 'gauge', help: '1 while the embedded store and the page read results.' },
  {
    name: 'headwater_hub_feed_records_total',
    type: 'counter',
    help: 'Records of readings and results that the embedded store and the page have taken.',
  },
  {
    name: 'headwater_hub_feed_unreadable_total',
    type: 'counter',
    help: 'Records that were not what their topic promises, and were passed over.',
  },
  {
    name: 'headwater_platform_dead_letters_total',
    type: 'counter',
    help: 'Messages and records that could not be understood, by the reason’s code.',
    labels: ['code'],
  },
  {
    name: 'headwater_platform_late_total',
    type: 'counter',
    help: 'Records that came after their window had closed, by the step that refused them.',
    labels: ['step'],
  },
  {
    name: 'headwater_platform_alerts',
    type: 'gauge',
    help: 'Alerts that are pending or firing now.',
    labels: ['rule', 'severity', 'state'],
  },
  {
    name: 'headwater_platform_alert_channel_up',
    type: 'gauge',
    help: '1 while an alert channel takes what it is given; 0 while that is tried again.',
    labels: ['channel'],
  },
  {
    name: 'headwater_platform_alert_channel_accepted_total',
    type: 'counter',
    help: 'Notifications that an alert channel has accepted, since the hub that tells it began.',
    labels: ['channel'],
  },
  {
    name: 'headwater_platform_alert_channel_refused_total',
    type: 'counter',
    help: 'Notifications that an alert channel refuses for good, since the hub that tells it began.',
    labels: ['channel'],
  },
  { name: 'headwater_platform_windows_total', type: 'counter', help: 'Distinct windows that jobs put out.' },
  { name: 'headwater_platform_anomalies_total', type: 'counter', help: 'Anomalies that the detectors found.' },
];

/** Firing ones come first; so many at once need no exact number. */
const MOST_ALERTS = 1_000;

/** What the page and the embedded store know, for Prometheus. */
export function webPart(
  store: Store,
  feed: Pick<Feed, 'state'>,
  frames: FrameBuilder,
  clients: () => number,
): MetricsPart {
  return {
    families: WEB_METRICS,
    tell(tell) {
      tell('headwater_hub_end_to_end_latency_seconds', frames.latencies());
      tell('headwater_hub_page_clients', clients());
      const { state, records, unreadable } = feed.state();
      tell('headwater_hub_feed_up', state === 'live' ? 1 : 0);
      tell('headwater_hub_feed_records_total', records);
      tell('headwater_hub_feed_unreadable_total', unreadable);
      for (const { name: code, count } of store.tallies('dead-letters'))
        tell('headwater_platform_dead_letters_total', count, { code });
      for (const { name: step, count } of store.tallies('late')) tell('headwater_platform_late_total', count, { step });
      const { windows, anomalies } = store.totals();
      tell('headwater_platform_windows_total', windows);
      tell('headwater_platform_anomalies_total', anomalies);
      for (const { channel, state, accepted, refused } of store.current<AlertChannel>(TOPICS.alertChannels.name)) {
        tell('headwater_platform_alert_channel_up', state === 'ready' ? 1 : 0, { channel });
        tell('headwater_platform_alert_channel_accepted_total', accepted, { channel });
        tell('headwater_platform_alert_channel_refused_total', refused, { channel });
      }
      const open = store.alerts(MOST_ALERTS).filter(({ state }) => state !== 'resolved');
      for (const [key, alerts] of Map.groupBy(open, kindOf)) {
        const [rule, severity, state] = JSON.parse(key) as [string, string, string];
        tell('headwater_platform_alerts', alerts.length, { rule, severity, state });
      }
    },
  };
}

const kindOf = ({ rule, severity, state }: Alert) => JSON.stringify([rule, severity, state]);
