import { createHash } from 'node:crypto';
import { type Alert, type Notification, SEVERITIES, timestamp } from '../../../contract/index.ts';
import type { GroupName } from './groups.ts';

/** More alerts than this are counted, not listed: nobody reads them one by one, and a record of Kafka has its bounds. */
export const MOST_LISTED = 200;
/** Paths of a web site come from its visitors and may be long. Kafka would refuse a record of more than 1 MiB, and the step that tells would end. */
const MOST_LISTED_BYTES = 500_000;

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
  const listed = listable(all);
  return {
    id: `${ts.toString(36)}-${createHash('sha256').update(key).digest('hex').slice(0, 8)}`,
    ts,
    group: key,
    labels,
    state: firing > 0 ? 'firing' : 'resolved',
    repeated,
    firing,
    resolved: over.length,
    alerts: listed,
    omitted: all.length - listed.length,
    // Whoever wants no repeats says 36500d.
    repeatBy: Math.min(ts + repeatMs, timestamp.maxValue!),
  };
}

function listable(alerts: readonly Alert[]): Alert[] {
  let bytes = 0;
  const tooMany = alerts.findIndex((alert, i) => {
    if (i === MOST_LISTED) return true;
    bytes += Buffer.byteLength(JSON.stringify(alert));
    return bytes > MOST_LISTED_BYTES;
  });
  return alerts.slice(0, tooMany < 0 ? alerts.length : tooMany);
}

function worstFirst(a: Alert, b: Alert): number {
  return (
    SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity) ||
    a.since - b.since ||
    (a.series < b.series ? -1 : a.series > b.series ? 1 : 0)
  );
}
