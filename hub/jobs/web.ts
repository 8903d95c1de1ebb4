import { TOPICS, type WebRequest, type WebSiteWindow } from '../../contract/index.ts';
import {
  count,
  distinct,
  eq,
  type Flow,
  field,
  first,
  from,
  gt,
  gte,
  job,
  last,
  literal,
  or,
  type Plan,
  quantile,
  range,
  replace,
  share,
  sum,
  top,
} from '../../streams/core/index.ts';
import { statusBursts } from './status-bursts.ts';

/** Requests of one client in 10 s from which on it hammers. */
const HAMMERING = 100;
/** A client that pauses for longer begins a new session. */
const SESSION_GAP_MS = 1_800_000;
/** Numbers and long hexadecimal ids in a path, so that `/items/17` and `/items/18` are one series. */
const IDS = '/([0-9]+|[0-9a-fA-F-]{16,})(?=/|$)';
/** Clients and paths are made up by whoever sends requests. */
const REMEMBER_MS = 3_600_000;

const request = field<WebRequest>;
const status = request('status');
const errorShare = share(gte(status, 500));
const quantileOf = (q: number) => quantile(request('durationMs'), q);

/** Requests by path: how many, the share that failed, how long they took. */
function byPath(requests: Flow<WebRequest>): Plan {
  return requests.keyBy('path', request('path')).windows({
    by: { path: request('path') },
    sizes: [
      { ms: 10_000, to: TOPICS.webRequests10s },
      { ms: 60_000, to: TOPICS.webRequests1m },
    ],
    select: { count: count(), errorShare, p50: quantileOf(0.5), p95: quantileOf(0.95), p99: quantileOf(0.99) },
    graceMs: 300_000,
    rememberMs: REMEMBER_MS,
  });
}

/** The same of the whole site, with what its clients were denied or did not find, how many there were, and its busiest paths. */
function ofSite(requests: Flow<WebRequest>): Plan {
  return requests.keyBy('site', literal('site'), { partitions: 1 }).windows({
    by: { site: literal('site') },
    sizes: [
      { ms: 10_000, to: TOPICS.webSite10s },
      { ms: 60_000, to: TOPICS.webSite1m },
    ],
    select: {
      count: count(),
      errorShare,
      deniedShare: share(or(eq(status, 401), eq(status, 403))),
      missingShare: share(eq(status, 404)),
      p50: quantileOf(0.5),
      p95: quantileOf(0.95),
      clients: distinct(request('clientIp')),
      topPaths: top(request('path'), 10),
    },
    graceMs: 300_000,
  });
}

/** What a client does without a pause of half an hour; each minute, as it is so far. */
function sessions(requests: Flow<WebRequest>): Plan {
  return requests.windows({
    by: { clientIp: request('clientIp') },
    sizes: [{ gapMs: SESSION_GAP_MS, to: TOPICS.webSessions }],
    select: {
      count: count(),
      paths: distinct(request('path')),
      durationMs: range(request('ts')),
      entryPath: first(request('path')),
      exitPath: last(request('path')),
      errorShare,
      bytes: sum(request('bytes')),
    },
    emit: { earlyEveryMs: 60_000 },
    rememberMs: REMEMBER_MS,
  });
}

/** Windows in which one client sent more than it should. */
function hammering(requests: Flow<WebRequest>): Plan {
  return requests.windows({
    by: { kind: literal('client-hammering'), subject: request('clientIp') },
    sizes: [{ ms: 10_000, to: TOPICS.breaches }],
    select: { count: count() },
    having: gt(field('count'), HAMMERING),
    rememberMs: REMEMBER_MS,
  });
}

const requests = from<WebRequest>(TOPICS.webRequests);
const named = requests.derive({ path: replace(request('path'), IDS, '/:id') });
const site = from<WebSiteWindow>(TOPICS.webSite10s, { time: field<WebSiteWindow>('windowStart'), trusted: true });

/** All that is computed of web traffic. */
export const web = job('web', [
  byPath(named),
  ofSite(named),
  sessions(requests),
  hammering(requests),
  statusBursts(site.filter(eq(field<WebSiteWindow>('revision'), 0))),
]);
