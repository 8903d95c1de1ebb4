import { createHash } from 'node:crypto';
import { type Alert, type Notification, SEVERITIES, timestamp } from '../../../contract/index.ts';
import type { GroupName } from './groups.ts';

/** One notification lists as many: nobody reads more one by one, and a record of Kafka has its bounds. */
export const MOST_LISTED = 200;
/** Paths of a web site come from its visitors and may be long. Kafka would refuse a record of more than 1 MiB, and the step that tells would end. */
const MOST_LISTED_BYTES = 500_000;

/** What a group has to tell. */
export interface News {
  readonly fresh: Alert[];
  readonly over: Alert[];
  readonly known: Alert[];
  readonly repeated: boolean;
}

/**
 * As many notifications as it takes to list what is fresh or over; what is known is listed where there is room, all of it if `whole`.
 * @param ts of the first, which no other notification has; each further has the next
 * @param repeatMs after which the group is told again
 */
export function makeNotifications(
  { key, labels }: GroupName,
  { fresh, over, known, repeated }: News,
  { ts, repeatMs, whole }: { ts: number; repeatMs: number; whole: boolean },
): Notification[] {
  const firing = fresh.length + known.length;
  const all = inOrder(fresh.sort(worstFirst), over.sort(worstFirst), known.sort(worstFirst));
  let needed = whole ? all.length : fresh.length + over.length;
  const parts: Alert[][] = [];
  for (const part of chunks(all)) {
    if (needed <= 0) break;
    needed -= part.length;
    parts.push(part);
  }
  return parts.map((alerts, i) => ({
    id: `${(ts + i).toString(36)}-${createHash('sha256').update(key).digest('hex').slice(0, 8)}`,
    ts: ts + i,
    group: key,
    labels,
    state: firing > 0 ? 'firing' : 'resolved',
    repeated,
    firing,
    resolved: over.length,
    alerts,
    omitted: all.length - alerts.length,
    ...(i > 0 && { part: i + 1 }),
    // Whoever wants no repeats says 36500d.
    repeatBy: Math.min(ts + repeatMs, timestamp.maxValue!),
  }));
}

/**
 * What is new first. Where that takes several parts, the end of an episode goes before the next episode of its series: to Alertmanager both are one alert,
 * of which the last word counts.
 */
function inOrder(fresh: readonly Alert[], over: readonly Alert[], known: readonly Alert[]): Alert[] {
  const all = [...fresh, ...over, ...known];
  if (over.length === 0 || [...chunks(all)].length < 2) return all;
  const seriesOf = ({ rule, series }: Alert) => `${rule}/${series}`;
  const anew = new Set(fresh.map(seriesOf));
  const isBefore = (alert: Alert) => anew.has(seriesOf(alert));
  return [...over.filter(isBefore), ...fresh, ...over.filter((alert) => !isBefore(alert)), ...known];
}

function* chunks(alerts: readonly Alert[]): Iterable<Alert[]> {
  let chunk: Alert[] = [];
  let bytes = 0;
  for (const alert of alerts) {
    const size = Buffer.byteLength(JSON.stringify(alert));
    if (chunk.length === MOST_LISTED || (chunk.length > 0 && bytes + size > MOST_LISTED_BYTES)) {
      yield chunk;
      chunk = [];
      bytes = 0;
    }
    chunk.push(alert);
    bytes += size;
  }
  if (chunk.length > 0) yield chunk;
}

function worstFirst(a: Alert, b: Alert): number {
  return (
    SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity) ||
    a.since - b.since ||
    (a.series < b.series ? -1 : a.series > b.series ? 1 : 0)
  );
}
