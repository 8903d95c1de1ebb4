import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { TOPICS } from '../../contract/index.ts';
import type { WindowTopic } from '../../streams/core/index.ts';
import type { Store } from '../sinks/index.ts';
import { type Alerting, addAlerting } from './alerting.ts';
import { episodesView } from './episodes-view.ts';
import type { FrameBuilder } from './frames.ts';
import { ownView } from './own-view.ts';
import type { Recent } from './recent.ts';
import { sitesView } from './sites-view.ts';
import type { Summary } from './summary.ts';
import { rangeOf, readingsView, refusedView, seriesViews, sparksView, transactionsView, webView } from './views.ts';

const minutes = z.coerce.number().int().min(5).max(10_080).default(15);
const limit = z.coerce.number().int().min(1).max(500).default(50);
const text = z.string().max(2_048);

const InRange = z.object({ minutes });
const ReadingsQuery = InRange.extend({ device: text, metric: text });
const SparksQuery = z.object({ series: z.union([text.transform((one) => [one]), z.array(text).max(64)]).default([]) });
const ChosenQuery = InRange.extend({ series: text.optional() });
const OwnQuery = ChosenQuery.extend({ topic: text.optional() });
const ListQuery = z.object({ limit });

export interface ApiSources {
  readonly store: Store;
  readonly recent: Recent;
  readonly frames: FrameBuilder;
  readonly clock: () => number;
  readonly summary: () => Summary;
  readonly own: readonly WindowTopic[];
  readonly alerting?: Alerting | undefined;
}

/** The JSON the page is made of. Times are ms since the epoch. A wrong query is answered with 400 and what is wrong. */
export function addApi(app: FastifyInstance, sources: ApiSources): void {
  const { store, recent, frames, clock, summary, own, alerting } = sources;
  addAlerting(app, store, clock, alerting);
  app.get('/api/summary', () => summary());
  app.get('/api/pulse', () => frames.history());
  app.get('/api/gateways', () => store.gateways());
  app.get('/api/silences', () => store.current(TOPICS.silences.name));
  app.get('/api/sites', () => sitesView(store, clock()));
  app.get('/api/episodes', (request) => episodesView(store, ListQuery.parse(request.query).limit, clock()));
  app.get('/api/health', () => store.health());
  app.get('/api/series', () => seriesViews(store, recent, clock()));
  app.get('/api/readings', (request) => {
    const query = ReadingsQuery.parse(request.query);
    const { device, metric } = query;
    const known = seriesViews(store, recent, clock()).find((s) => s.device === device && s.metric === metric);
    return {
      ...readingsView(store, known?.series ?? '', rangeOf(query.minutes, clock())),
      unit: known?.unit ?? '1',
      series: known?.series ?? null,
      raw: recent.points(device, metric),
    };
  });
  app.get('/api/sparks', (request) => sparksView(store, SparksQuery.parse(request.query).series, clock()));
  app.get('/api/web', (request) => {
    const query = ChosenQuery.parse(request.query);
    return webView(store, rangeOf(query.minutes, clock()), query.series, clock());
  });
  app.get('/api/transactions', (request) => {
    const query = ChosenQuery.parse(request.query);
    return transactionsView(store, rangeOf(query.minutes, clock()), query.series, clock());
  });
  app.get('/api/own', (request) => {
    const query = OwnQuery.parse(request.query);
    return ownView(store, own, query, rangeOf(query.minutes, clock()));
  });
  app.get('/api/anomalies', (request) => store.anomalies(ListQuery.parse(request.query).limit));
  app.get('/api/alerts', (request) => store.alerts(ListQuery.parse(request.query).limit));
  app.get('/api/refused', () => refusedView(store));
}
