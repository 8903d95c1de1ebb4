import { CONTRACT_VERSION, encode, HEADER, type Health, TOPICS } from '../../contract/index.ts';
import type { Producer } from '../../kafka/index.ts';
import type { Snapshot } from './snapshot.ts';

export interface ReporterOptions {
  readonly snapshot: () => Promise<Snapshot>;
  readonly kafka: () => Promise<Producer>;
  readonly everyMs: number;
  readonly log: { debug(fields: object, message: string): void };
}

/**
 * Tells `gateways` and `platform.health` how the gateway is. A report that cannot be sent is dropped, and the next tells more: nothing waits
 * for one.
 */
export function startReporter({ snapshot, kafka, everyMs, log }: ReporterOptions): { close(): Promise<void> } {
  const shares = cpuShares();
  let producer: Producer | undefined;
  let busy = false;
  let closed = false;

  async function report(): Promise<void> {
    const now = await snapshot();
    producer ??= await kafka();
    if (closed) return;
    const headers = { [HEADER.version]: CONTRACT_VERSION };
    const { gateway } = now.status;
    const health = healthOf(now, shares());
    await producer.send([
      { topic: TOPICS.gateways.name, records: [{ key: gateway, value: encode(now.status), headers }] },
      { topic: TOPICS.health.name, records: [{ key: health.process, value: encode(health), headers }] },
    ]);
  }

  async function drop(): Promise<void> {
    const opened = producer;
    producer = undefined;
    await opened?.close().catch(() => {});
  }

  async function tick(): Promise<void> {
    if (busy) return;
    busy = true;
    try {
      await report();
    } catch (error) {
      log.debug({ err: error }, 'a status report could not be sent');
      await drop();
    } finally {
      busy = false;
      if (closed) await drop();
    }
  }

  const timer = setInterval(() => void tick(), everyMs);
  void tick();
  return {
    async close() {
      closed = true;
      clearInterval(timer);
      if (!busy) await drop();
    },
  };
}

function healthOf({ status }: Snapshot, cpuShare: number): Health {
  return {
    process: status.gateway,
    kind: 'gateway',
    ts: status.ts,
    rssMb: Math.round(process.memoryUsage.rss() / 1_048_576),
    cpuShare,
    diskFreeBytes: status.disk.freeBytes,
    lag: {},
    certificateExpiresAt: status.certificateExpiresAt,
    counts: { ...status.counts, backlog: status.backlog.readings },
  };
}

/** The share of one core this process has used since the last call. */
function cpuShares(): () => number {
  let used = process.cpuUsage();
  let at = performance.now();
  return () => {
    const more = process.cpuUsage(used);
    const elapsed = performance.now() - at;
    used = process.cpuUsage();
    at = performance.now();
    return Math.round((more.user + more.system) / elapsed) / 1_000;
  };
}
