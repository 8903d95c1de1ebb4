import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Snapshot } from './snapshot.ts';

type Labels = readonly string[];

/** Looking at the event loop wakes the processor; ten times a second is often enough to see a delay. */
const EVENT_LOOP_PRECISION_MS = 100;
/** Gauges whose names say that they were counters. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

export interface GatewayMetrics {
  readonly contentType: string;
  /** The gateway's own, for the reference; those of its process are prom-client's. */
  readonly families: readonly {
    readonly name: string;
    readonly type: 'counter' | 'gauge';
    readonly help: string;
    readonly labels: readonly string[];
  }[];
  render(snapshot: Snapshot): Promise<string>;
}

/** Prometheus metrics of one gateway. Labels are of the configuration only, so their number does not grow with the devices. */
export function gatewayMetrics(): GatewayMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: EVENT_LOOP_PRECISION_MS });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  const registers = [registry];
  const families: GatewayMetrics['families'][number][] = [];
  const declare = (type: 'counter' | 'gauge', name: string, help: string, labels: Labels) => {
    families.push({ name, type, help, labels });
    return { name, help, labelNames: [...labels], registers };
  };
  const counter = (name: string, help: string, labels: Labels = []) =>
    new Counter(declare('counter', `headwater_gateway_${name}_total`, help, labels));
  const gauge = (name: string, help: string, labels: Labels = []) =>
    new Gauge(declare('gauge', `headwater_gateway_${name}`, help, labels));

  const counts = {
    acknowledged: counter('readings_acknowledged', 'Readings synced to disk and acknowledged.'),
    forwarded: counter('readings_forwarded', 'Readings that Kafka has acknowledged.'),
    rejected: counter('rejected', 'Messages and values that could not be understood, kept as dead letters.'),
    duplicates: counter('duplicates', 'Messages dropped because their device had sent them before.'),
    evicted: counter('readings_evicted', 'Acknowledged readings given up by a full or over-age buffer.'),
    refused: counter('refused', 'Messages refused because the buffer was full or the disk failed.'),
    lost: counter('lost', 'Messages neither kept nor acknowledged that their device cannot send again.'),
    framesLost: counter('device_frames_lost', 'Frames that devices gave up before they reached the gateway.'),
    deadLettersHeldBack: counter(
      'dead_letters_held_back',
      'Messages only counted instead of kept as dead letters, because their sender had too many.',
    ),
  };
  const messages = counter('messages', 'Messages taken off the wire.', ['input']);
  const unreadable = counter('unreadable', 'What noise or a wrong setting made of messages.', ['input']);
  const dropped = counter('readings_dropped', 'Readings that the transform of an input dropped.', ['input', 'reason']);
  const ignored = counter('messages_ignored', 'Messages that a payload format ignores on purpose.', ['input']);
  const up = gauge('input_up', '1 while the input is open.', ['input']);
  const backlog = gauge('backlog_readings', 'Records on disk that Kafka does not have.', ['lane']);
  const oldest = gauge(
    'backlog_oldest_timestamp_seconds',
    'Event time of the oldest record on disk; 0 if there is none.',
  );
  const bytes = gauge('buffer_bytes', 'Size of the buffer on disk, journal included.');
  const maxBytes = gauge('buffer_max_bytes', 'Size the buffer may have.');
  const free = gauge('disk_free_bytes', 'Free space of the disk that holds the buffer.');
  const clockSet = gauge('clock_set', '1 while the time is known; 0 while the clock of the machine is not set.');
  const heldBytes = gauge('held_bytes', 'Size of what is held on the disk until the clock is set.');
  const acked = gauge('last_forwarded_timestamp_seconds', 'When Kafka last acknowledged readings; 0 before it did.');
  const reachable = gauge('kafka_up', '1 while forwarding works.');
  const certificate = gauge(
    'certificate_expiry_timestamp_seconds',
    'When a certificate expires that this gateway depends on: its own, the authority’s, the first of the brokers’.',
    ['certificate'],
  );
  const info = gauge('info', '1; the labels tell what runs.', ['version']);
  // What a reload took away must not go on being told.
  const labelled = [messages, unreadable, dropped, ignored, up, certificate];

  return {
    contentType: registry.contentType,
    families,
    render({ status, buffer, forwarder, inputs, framesLost, deadLettersHeldBack, rules, clock }) {
      for (const metric of labelled) metric.reset();
      info.set({ version: status.version }, 1);
      const totals = { ...buffer.counts, lost: status.counts.lost, framesLost, deadLettersHeldBack };
      for (const [name, metric] of Object.entries(counts)) set(metric, {}, totals[name as keyof typeof counts]);
      for (const input of inputs) {
        set(messages, { input: input.name }, input.messages);
        set(unreadable, { input: input.name }, input.unreadable ?? 0);
        up.set({ input: input.name }, input.state === 'ok' ? 1 : 0);
      }
      for (const [input, counts] of Object.entries(rules)) {
        for (const [reason, readings] of Object.entries(counts.dropped)) set(dropped, { input, reason }, readings);
        set(ignored, { input }, counts.ignored);
      }
      for (const [lane, readings] of Object.entries(buffer.lanes)) backlog.set({ lane }, readings);
      oldest.set((buffer.oldestTs ?? 0) / 1_000);
      bytes.set(buffer.bytes);
      maxBytes.set(buffer.maxBytes);
      free.set(status.disk.freeBytes);
      clockSet.set(clock.set ? 1 : 0);
      heldBytes.set(clock.heldBytes);
      acked.set((forwarder.lastAckAt ?? 0) / 1_000);
      reachable.set(forwarder.error === undefined ? 1 : 0);
      for (const { name, expiresAt } of status.certificates ?? [])
        certificate.set({ certificate: name }, expiresAt / 1_000);
      return registry.metrics();
    },
  };
}

/** The totals are kept elsewhere; prom-client's counters only know how to add. */
function set(metric: Counter, labels: Record<string, string>, total: number): void {
  metric.remove(labels);
  metric.inc(labels, total);
}
