import { randomBytes } from 'node:crypto';
import type { Notification } from '../../../contract/index.ts';

/** What a person sends to see whether a channel works. It says so. @param now ms since the epoch */
export function testNotification(channel: string, now: number): Notification {
  const id = `test-${now.toString(36)}-${randomBytes(3).toString('hex')}`;
  const labels = { rule: 'headwater-test' };
  const summary = `this is a test of the alert channel ${channel}; nothing is wrong`;
  const of = { rule: labels.rule, series: channel, severity: 'info', value: null, labels: {} } as const;
  return {
    ...{ id, ts: now, group: 'rule=headwater-test', labels, state: 'firing', repeated: false, firing: 1, resolved: 0 },
    alerts: [{ ...of, id: `${labels.rule}/${channel}@${now}`, state: 'firing', summary, since: now, ts: now }],
    ...{ omitted: 0, repeatBy: now, test: true },
  };
}
