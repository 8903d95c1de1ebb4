import { join } from 'node:path';
import type { Logger } from 'pino';
import { type AlertChannel, TOPICS } from '../contract/index.ts';
import pkg from '../package.json' with { type: 'json' };
import { runSteps, type StepStatus } from '../streams/runtime/index.ts';
import { openSilenceWriter, startChannels } from './alerts/index.ts';
import { type HubConfig, kafkaOf } from './config/index.ts';
import { type Family, HEALTH_METRICS, openMetrics, startHealth } from './health/index.ts';
import { loadJobs, STEP_METRICS, steps, stepsPart } from './jobs/index.ts';
import {
  CONNECT_GROUPS,
  CONNECT_METRICS,
  type ConnectView,
  connectPart,
  connectSettings,
  INFLUX_GROUP,
  INFLUX_METRICS,
  INFLUX_OWN_GROUP,
  type InfluxSinkStatus,
  influxPart,
  OWN_RETENTION,
  openStore,
  ownMeasurements,
  startConnectWatch,
  startInfluxSink,
  startLiveFeed,
} from './sinks/index.ts';
import { SOURCE_METRICS, type SourceStatus, startSources } from './sources/index.ts';
import { type Part, startWeb, WEB_METRICS } from './web/index.ts';

export interface Hub {
  /** Address of the live page. */
  readonly page: string;
  close(): Promise<void>;
}

const HEALTH_EVERY_MS = 5_000;

/** Every metric of a hub, for the reference. */
export const HUB_METRICS: readonly Family[] = [
  ...HEALTH_METRICS,
  ...STEP_METRICS,
  ...SOURCE_METRICS,
  ...INFLUX_METRICS,
  ...CONNECT_METRICS,
  ...WEB_METRICS,
];

/** Runs a hub: sources into Kafka, jobs over it, the embedded store and the live page. It outlives Kafka's absence. */
export async function runHub(config: HubConfig, log: Logger): Promise<Hub> {
  const kafka = kafkaOf(config);
  const { id, dataDir } = config.hub;
  const own = await loadJobs(config.jobs);
  const { groupWait, groupInterval, repeatEvery } = config.alerts;
  const jobs = steps(own.jobs, { groupWaitMs: groupWait, groupIntervalMs: groupInterval, repeatMs: repeatEvery });
  const { influx, connect } = config.stores;
  // Before anything runs: these refuse what cannot be used.
  const reached = connect && connectSettings(connect);
  const known = () => store.current<AlertChannel>(TOPICS.alertChannels.name);
  const channels = startChannels(config.alerts.channels, { kafka: kafka.hub, process: id, log, known });
  const shown = own.windows.map(({ topic }) => topic.name);
  const retention = Object.fromEntries(shown.map((topic) => [topic, OWN_RETENTION]));
  const store = openStore({ file: join(dataDir, 'results.sqlite'), retention });
  const feed = startLiveFeed({
    kafka: kafka.page,
    store,
    clock: Date.now,
    groupId: `page.${id}`,
    own: shown,
    warn: (error) => log.warn({ err: error }, 'live feed'),
  });
  const parts: (() => Part[])[] = [];
  const metrics = openMetrics();
  const silences = openSilenceWriter(kafka.hub);
  const web = await startWeb({
    store,
    feed,
    ...config.page,
    own: own.windows,
    alerting: { silence: silences.write, test: channels.test, channels: channels.names },
    metrics,
    parts: () => parts.flatMap((part) => part()),
  });
  const running = runSteps(jobs, { kafka: kafka.hub, log });
  const sources = startSources(config.sources, { kafka: kafka.sources, log });
  const stored = influx && kafka.stores && { kafka: kafka.stores, influx, log };
  const sinks = stored ? [{ name: 'store InfluxDB', groupId: INFLUX_GROUP, sink: startInfluxSink(stored) }] : [];
  const measurements = ownMeasurements(own.jobs);
  if (stored && measurements.length > 0) {
    const groupId = INFLUX_OWN_GROUP;
    sinks.push({
      name: 'store InfluxDB, own jobs',
      groupId,
      sink: startInfluxSink({ ...stored, groupId, measurements }),
    });
  }
  const watch = reached && startConnectWatch({ connect: reached, kafka: kafka.hub, log });
  parts.push(
    () => (watch ? connectParts(watch.view()) : []),
    () => sinks.map(({ name, sink }) => storePart(name, sink.status())),
    () => running.status().map(jobPart),
    () => sources.status().map(sourcePart),
  );
  const groups = [
    ...jobs.map((step) => `hub.${step.id}`),
    ...channels.groups,
    `page.${id}`,
    ...(watch ? CONNECT_GROUPS : []),
    ...sinks.map(({ groupId }) => groupId),
  ];
  const health = startHealth({
    kafka: kafka.hub,
    process: id,
    version: pkg.version,
    dir: dataDir,
    groups: () => groups,
    counts: () => ({
      ...Object.fromEntries(sources.status().map((s) => [`source.${s.name}`, s.records])),
      ...(watch && connectCounts(watch.view())),
    }),
    latency: web.latency,
    everyMs: HEALTH_EVERY_MS,
    brokersEveryMs: config.health.askBrokers,
    log,
  });
  for (const part of [health.metrics, stepsPart(running.status, Date.now), sources.metrics]) metrics.add(part);
  if (watch) metrics.add(connectPart(watch.view));
  if (stored) metrics.add(influxPart(() => sinks.map(({ sink }) => sink.status())));
  return {
    page: web.url,
    async close() {
      await Promise.all(
        [sources, health, channels, watch, ...sinks.map(({ sink }) => sink)].map((one) => one?.close()),
      );
      await running.close();
      await feed.close();
      await web.close();
      await silences.close();
      store.close();
    },
  };
}

function jobPart({ step, state, error, tasks }: StepStatus): Part {
  const running = tasks.filter((task) => task.state === 'running').length;
  const isReady = state !== 'failed' && running > 0 && running === tasks.length;
  // An error of the past is of no interest once every task runs again.
  const problem = isReady ? undefined : (error ?? tasks.find((task) => task.error !== undefined)?.error);
  return {
    name: `job ${step}`,
    state: state === 'failed' ? 'failed' : isReady ? 'ready' : 'starting',
    detail: problem ?? `${running} of ${tasks.length} tasks run`,
  };
}

function sourcePart({ name, state, detail }: SourceStatus): Part {
  return {
    name: `source ${name}`,
    state: state === 'ok' ? 'ready' : state === 'failed' ? 'failed' : 'starting',
    detail,
  };
}

function storePart(name: string, { state, detail }: InfluxSinkStatus): Part {
  return { name, state: state === 'closed' ? 'stopped' : state, detail };
}

function connectParts({ state, detail, connectors }: ConnectView): Part[] {
  return [
    { name: 'Kafka Connect', state, detail },
    ...connectors.map(({ name, state, detail }) => ({ name: `connector ${name}`, state, detail })),
  ];
}

function connectCounts({ state, deadLetters, failedTasks, restarts }: ConnectView): Record<string, number> {
  return {
    'connect.up': state === 'ready' ? 1 : 0,
    'connect.failedTasks': failedTasks,
    'connect.restarts': restarts,
    ...(deadLetters !== null && { 'connect.deadLetters': deadLetters }),
  };
}
