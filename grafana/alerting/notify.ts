import { ContactPointBuilder, NotificationPolicyBuilder } from '@grafana/grafana-foundation-sdk/alerting';
import type { Rule } from '../../hub/alerts/index.ts';

/** Everyone who is told at once, and by what. Grafana's environment says where. */
const EVERYONE = 'Headwater';
const URGENT = 'Headwater urgent';

/** Contact points: mail for everything, and a webhook besides for what cannot wait. */
export function contactPoints(): object {
  const mail = (uid: string) => receiver(uid, 'email', { addresses: '${HEADWATER_ALERT_EMAIL}', singleEmail: true });
  const hook = receiver('headwater-urgent-webhook', 'webhook', {
    url: '${HEADWATER_ALERT_WEBHOOK_URL}',
    httpMethod: 'POST',
    maxAlerts: 50,
  });
  return {
    apiVersion: 1,
    contactPoints: [
      { orgId: 1, name: EVERYONE, receivers: [mail('headwater-mail')] },
      { orgId: 1, name: URGENT, receivers: [mail('headwater-urgent-mail'), hook] },
    ],
  };
}

function receiver(uid: string, type: 'email' | 'webhook', settings: object): object {
  const { name: _, ...built } = new ContactPointBuilder().uid(uid).type(type).settings(settings).build();
  return { ...built, disableResolveMessage: false };
}

/**
 * Who is told of what: alerts of a rule together, grouped as the rule says; what is critical urgently, and again after an hour. Grafana has no inhibition:
 * what follows from something else (`inhibitedBy`) is told as well, in a message of its own.
 */
export function policies(rules: readonly Rule[]): object {
  const byGrouping = Map.groupBy(rules, (rule) => rule.groupBy.join(' '));
  const routes = Array.from(byGrouping.values()).flatMap((of) =>
    (['critical', 'other'] as const).flatMap((urgency) => {
      const some = of.filter((rule) => (rule.severity === 'critical') === (urgency === 'critical'));
      if (some.length === 0) return [];
      const matcher = ['rule', '=~', `^(${some.map(({ id }) => id).join('|')})$`];
      const route = new NotificationPolicyBuilder().objectMatchers([matcher]).groupBy([...of[0]!.groupBy]);
      return urgency === 'critical'
        ? route.receiver(URGENT).groupWait('10s').repeatInterval('1h')
        : route.receiver(EVERYONE);
    }),
  );
  const root = new NotificationPolicyBuilder()
    .receiver(EVERYONE)
    .groupBy(['grafana_folder', 'alertname'])
    .groupWait('30s')
    .groupInterval('5m')
    .repeatInterval('4h')
    .routes(routes);
  return { apiVersion: 1, policies: [{ orgId: 1, ...root.build() }] };
}
