import { createHash } from 'node:crypto';
import { type Alert, type Notification, SEVERITIES } from '../../../contract/index.ts';
import type { GroupName } from './groups.ts';

/** More alerts than this are counted, not listed: nobody reads them one by one, and a record of Kafka has its bounds. */
export const MOST_LISTED = 200;

/**
 * @param ts of this notification and no other
 * @param repeatMs after which the group is told again
 */
export function makeNotification(
  { key, labels }: GroupName,
  { fresh, over, known, repeated }: { fresh: Alert[]; over: Alert[]; known: Alert[]; repeated: boolean },
  ts: number,
  repeatMs: number,
): Notification {
  const firing = fresh.length + known.length;
  const all = [...fresh.sort(worstFirst), ...over.sort(worstFirst), ...known.sort(worstFirst)];
  return {
    id: `${ts.toString(36)}-${createHash('sha256').update(key).digest('hex').slice(0, 8)}`,
    ts,
    group: key,
    labels,
    state: firing > 0 ? 'firing' : 'resolved',
    repeated,
    firing,
    resolved: over.length,
    alerts: all.slice(0, MOST_LISTED),
    omitted: Math.max(0, all.length - MOST_LISTED),
    repeatBy: ts + repeatMs,
  };
}

function worstFirst(a: Alert, b: Alert): number {
  return (
    SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity) ||
    a.since - b.since ||
    (a.series < b.series ? -1 : a.series > b.series ? 1 : 0)
  );
}
