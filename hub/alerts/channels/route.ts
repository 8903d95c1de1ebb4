import { type Matcher, type Notification, SEVERITIES } from '../../../contract/index.ts';
import { fits, labelsOf } from '../notify/index.ts';

/** What a channel is told. */
export interface Route {
  readonly severities: readonly (typeof SEVERITIES)[number][];
  readonly match: readonly Matcher[];
  readonly resolved: boolean;
}

/** The part of a notification that a channel is told; undefined where that is nothing. A test is for whom it is sent to. */
export function routed(notification: Notification, { severities, match, resolved }: Route): Notification | undefined {
  if (notification.test) return notification;
  if (match.length === 0 && severities.length === SEVERITIES.length && resolved) return notification;
  const alerts = notification.alerts.filter(
    (alert) =>
      severities.includes(alert.severity) && (resolved || alert.state === 'firing') && fits(match, labelsOf(alert)),
  );
  if (alerts.length === 0) return undefined;
  if (alerts.length === notification.alerts.length) return notification;
  const firing = alerts.filter(({ state }) => state === 'firing').length;
  // How many of those that are only counted concern the channel is not known.
  return {
    ...notification,
    alerts,
    firing,
    resolved: alerts.length - firing,
    state: firing > 0 ? 'firing' : 'resolved',
    omitted: 0,
  };
}
