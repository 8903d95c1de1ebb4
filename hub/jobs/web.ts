import { TOPICS, type WebRequest } from '../../contract/index.ts';
import { count, field, from, gte, job, quantile, replace, share } from '../../streams/core/index.ts';

const request = field<WebRequest>;

/** Numbers and long hexadecimal ids in a path, so that `/items/17` and `/items/18` are one series. */
const IDS = '/([0-9]+|[0-9a-fA-F-]{16,})(?=/|$)';

/** Requests by path in windows of 10 s and 1 min: how many, the share that failed, how long they took. */
export const web = job(
  'web',
  from<WebRequest>(TOPICS.webRequests)
    .derive({ path: replace(request('path'), IDS, '/:id') })
    .keyBy('path', request('path'))
    .windows({
      by: { path: request('path') },
      sizes: [
        { ms: 10_000, to: TOPICS.webRequests10s },
        { ms: 60_000, to: TOPICS.webRequests1m },
      ],
      select: {
        count: count(),
        errorShare: share(gte(request('status'), 500)),
        p50: quantile(request('durationMs'), 0.5),
        p95: quantile(request('durationMs'), 0.95),
        p99: quantile(request('durationMs'), 0.99),
      },
      graceMs: 300_000,
      // Paths are made up by whoever sends requests.
      rememberMs: 3_600_000,
    }),
);
