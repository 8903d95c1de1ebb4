import type { Alert, Notification } from '../../../contract/index.ts';
import { post } from './http.ts';
import type { Channel } from './types.ts';
import { bearer, type HttpOptions } from './webhook.ts';

const MINUTE_MS = 60_000;

/**
 * Prometheus Alertmanager, by version 2 of its interface. It takes an alert for over when it is not told of it for some minutes: so each is told
 * with an end that lies beyond the next time it will be.
 */
export function alertmanager({ url, ca, token, clock }: HttpOptions): Channel {
  const address = `${url.replace(/\/+$/, '')}/api/v2/alerts`;
  return {
    send(notification, signal) {
      // An episode that is over and the next of the same series are one alert there: the last word is what counts.
      const { over = [], on = [] } = Object.groupBy(notification.alerts, ({ state }) =>
        state === 'firing' ? 'on' : 'over',
      );
      const body = JSON.stringify([...over, ...on].map((alert) => entryOf(alert, notification)));
      return post({ url: address, ca, body, headers: bearer(token), signal }, clock());
    },
  };
}

function entryOf(alert: Alert, { ts, repeatBy, test }: Notification) {
  const { rule, severity, series, labels, summary, state, since } = alert;
  const firesUntil = test ? ts + MINUTE_MS : repeatBy + (repeatBy - ts) / 2 + 10 * MINUTE_MS;
  return {
    labels: { ...labels, alertname: rule, severity, series },
    annotations: { summary, headwater_id: alert.id },
    startsAt: new Date(since).toISOString(),
    // It refuses all that it is told together where one alert ends before it starts.
    endsAt: new Date(Math.max(state === 'firing' ? firesUntil : alert.ts, since + 1)).toISOString(),
  };
}
