import { HeadwaterError } from '../../contract/index.ts';
import type { WindowTopic } from '../../streams/core/index.ts';
import type { Metrics } from '../health/index.ts';
import type { Feed, Store } from '../sinks/index.ts';
import type { Alerting } from './alerting.ts';
import { addApi } from './api.ts';
import { openEvents } from './events.ts';
import { createFrameBuilder } from './frames.ts';
import type { Latency } from './latency.ts';
import { webPart } from './metrics.ts';
import { createRecent } from './recent.ts';
import { createServer, SECURITY_HEADERS } from './server.ts';
import { type Part, type Summary, summarize } from './summary.ts';

export type { Alerting } from './alerting.ts';
export { WEB_METRICS } from './metrics.ts';
export type { Part, Summary } from './summary.ts';

export interface WebOptions {
  readonly store: Store;
  readonly feed: Feed;
  /** Loopback unless given: whoever reaches the page sees everything on it. */
  readonly host?: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Names besides `localhost` and addresses under which the page may be asked for. */
  readonly hosts?: readonly string[];
  /** Whether changes are taken that a proxy on this machine passes on. */
  readonly proxyAsksForLogin?: boolean;
  /** The platform's processes, for a page that has nothing else to show yet. */
  readonly parts?: () => readonly Part[];
  /** Windows of jobs that were added to the hub. */
  readonly own?: readonly WindowTopic[];
  /** What the page may do about alerts; without it, it only shows them. */
  readonly alerting?: Alerting;
  /** Served under `/metrics`, for Prometheus. */
  readonly metrics?: Metrics;
  /** Ms since the epoch. */
  readonly clock?: () => number;
}

/** The live page. It closes neither the store nor the feed. */
export interface Web {
  readonly url: string;
  readonly port: number;
  summary(): Summary;
  /** Of live readings, from their gateway to the page, over the last minute. */
  latency(): Latency;
  close(): Promise<void>;
}

const FRAME_EVERY_MS = 100;
const MOST_CLIENTS = 100;

/** @throws HeadwaterError `PORT_TAKEN` or `WEB_FAILED` */
export async function startWeb(options: WebOptions): Promise<Web> {
  const {
    store,
    feed,
    host = '127.0.0.1',
    port,
    hosts = [],
    parts = () => [],
    own = [],
    clock = Date.now,
    alerting,
  } = options;
  const startedAt = clock();
  const events = openEvents({ clock });
  const frames = createFrameBuilder();
  const recent = createRecent();

  const summary = () =>
    summarize(store, frames.pulse(clock()), {
      firstChartAt: frames.firstReadingAt(),
      startedAt,
      now: clock(),
      feed: feed.state(),
      parts: parts(),
    });

  const app = createServer(hosts, options.proxyAsksForLogin);
  addApi(app, { store, recent, frames, clock, summary, own, alerting });
  if (options.metrics) {
    const { metrics } = options;
    metrics.add(webPart(store, feed, frames, events.count));
    app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.render()));
  }
  app.get('/events', (request, reply) => {
    if (events.count() >= MOST_CLIENTS) {
      return reply
        .code(503)
        .header('retry-after', '10')
        .send({
          error: { code: 'TOO_MANY_CLIENTS', message: `${MOST_CLIENTS} pages are open already; close one` },
        });
    }
    reply.hijack();
    const lastEventId = request.headers['last-event-id'];
    events.connect(reply.raw, SECURITY_HEADERS, Array.isArray(lastEventId) ? lastEventId[0] : lastEventId);
    return reply;
  });

  try {
    await app.listen({ host, port });
  } catch (cause) {
    events.close();
    await app.close();
    throw listenError(cause as NodeJS.ErrnoException, host, port);
  }
  const address = app.server.address();
  const bound = address !== null && typeof address === 'object' ? address.port : port;

  const unsubscribe = feed.subscribe((results, topic) => {
    for (const { reading } of results.readings) recent.add(reading);
    frames.add(results, topic);
  });
  const ticking = setInterval(() => {
    const frame = frames.seal(clock(), summary);
    if (frame) events.publish(frame);
  }, FRAME_EVERY_MS);

  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}/`,
    port: bound,
    summary,
    latency: () => frames.pulse(clock()).latencyMs,
    async close() {
      clearInterval(ticking);
      unsubscribe();
      events.close();
      await app.close();
    },
  };
}

function listenError(cause: NodeJS.ErrnoException, host: string, port: number): HeadwaterError {
  if (cause.code === 'EADDRINUSE') {
    return new HeadwaterError(
      'PORT_TAKEN',
      `the live page cannot listen on ${host}:${port}: another program does. Stop it or choose another port`,
      { cause },
    );
  }
  return new HeadwaterError('WEB_FAILED', `the live page cannot listen on ${host}:${port}: ${cause.message}`, {
    cause,
  });
}
