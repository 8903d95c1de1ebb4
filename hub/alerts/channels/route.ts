import { type Matcher, type Notification, SEVERITIES } from '../../../contract/index.ts';
import { fits, labelsOf } from '../notify/index.ts';

/** What a channel is told. */
export interface Route {
  readonly severities: readonly (typeof SEVERITIES)[number][];
  readonly match: readonly Matcher[];
  readonly resolved: boolean;
  /** Whether every part of a notification is told; else, where nothing is left out, the first, which says how many more there are. */
  readonly everyPart: boolean;
}

/** The part of a notification that a channel is told; undefined where that is nothing. A test is for whom it is sent to. */
export function routed(
  notification: Notification,
  { severities, match, resolved, everyPart }: Route,
): Notification | undefined {
  if (notification.test) return notification;
  if (match.length === 0 && severities.length === SEVERITIES.length && resolved)
    return everyPart || notification.part === undefined ? notification : undefined;
  const alerts = notification.alerts.filter(
    (alert) =>
      severities.includes(alert.severity) && (resolved || alert.state === 'firing') && fits(match, labelsOf(alert)),
  );
  if (alerts.length === 0) return undefined;
  if (alerts.length === notification.alerts.length) return notification;
  const firing = alerts.filter(({ state }) => state === 'firing').length;
  // Those that concern the channel in other parts are told with these.
  return {
    ...notification,
    alerts,
    firing,
    resolved: alerts.length - firing,
    state: firing > 0 ? 'firing' : 'resolved',
    omitted: 0,
  };
}
