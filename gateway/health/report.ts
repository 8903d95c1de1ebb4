import { CONTRACT_VERSION, encode, type GatewayStatus, HEADER, type Health, TOPICS } from '../../contract/index.ts';
import type { Producer } from '../../kafka/index.ts';
import { doneWithin } from './alive.ts';
import type { Snapshot } from './snapshot.ts';

export interface ReporterOptions {
  readonly snapshot: () => Promise<Snapshot>;
  readonly kafka: () => Promise<Producer>;
  readonly everyMs: number;
  readonly log: { debug(fields: object, message: string): void };
}

export interface Reporter {
  /** The next report goes over a new connection. */
  reconnect(): void;
  /** Tells that the gateway stops, where Kafka takes that at once. */
  close(): Promise<void>;
}

/** How long a report may take with all that kafkajs tries, before it is given up with its producer. */
const REPORT_MS = 60_000;
/** How long the last report may take. */
const LAST_MS = 2_000;
const CLOSE_MS = 1_000;

/**
 * Tells `gateways` and `platform.health` how the gateway is. A report that cannot be sent is dropped, and the next tells more: nothing waits
 * for one.
 */
export function startReporter({ snapshot, kafka, everyMs, log }: ReporterOptions): Reporter {
  const shares = cpuShares();
  let producer: Producer | undefined;
  let stale = false;
  /** Whether the last report arrived. */
  let arriving = false;
  let telling: Promise<void> | undefined;
  let closed = false;
  let over = false;

  async function report(state: GatewayStatus['state']): Promise<void> {
    const now = await snapshot();
    if (stale) await drop();
    stale = false;
    producer ??= await kafka();
    if (closed && state === 'running') return;
    const headers = { [HEADER.version]: CONTRACT_VERSION };
    const { gateway } = now.status;
    const health = healthOf(now, shares());
    await producer.send([
      { topic: TOPICS.gateways.name, records: [{ key: gateway, value: encode({ ...now.status, state }), headers }] },
      { topic: TOPICS.health.name, records: [{ key: health.process, value: encode(health), headers }] },
    ]);
  }

  async function drop(): Promise<void> {
    const opened = producer;
    producer = undefined;
    if (opened) await doneWithin(CLOSE_MS, opened.close());
  }

  async function tell(state: GatewayStatus['state']): Promise<void> {
    const reporting = report(state);
    reporting.catch((error) => log.debug({ err: error }, 'a status report could not be sent'));
    arriving = await doneWithin(REPORT_MS, reporting);
    if (!arriving) await drop();
    if (closed) await drop();
  }

  function tick(): void {
    telling ??= tell('running').finally(() => {
      telling = undefined;
    });
  }

  const timer = setInterval(tick, everyMs);
  tick();
  return {
    reconnect() {
      stale = true;
    },
    async close() {
      closed = true;
      clearInterval(timer);
      if (!arriving) return telling ? undefined : drop();
      const last = (async () => {
        await telling;
        await (arriving && !over ? tell('stopped') : drop());
      })();
      await doneWithin(LAST_MS, last);
      over = true;
    },
  };
}

/** A gateway's account of itself for `platform.health`. */
export function healthOf({ status }: Pick<Snapshot, 'status'>, cpuShare: number): Health {
  return {
    process: status.gateway,
    kind: 'gateway',
    ts: status.ts,
    rssMb: Math.round(process.memoryUsage.rss() / 1_048_576),
    cpuShare,
    diskFreeBytes: status.disk.freeBytes,
    lag: {},
    certificateExpiresAt: status.certificateExpiresAt,
    ...firstToEnd(status),
    counts: { ...status.counts, backlog: status.backlog.readings },
    startedAt: status.startedAt,
  };
}

/** For rules, which compare a field with a number. */
function firstToEnd({
  certificates = [],
  ts,
}: Snapshot['status']): Pick<Health, 'certificate' | 'certificateDaysLeft'> {
  const [first] = certificates.toSorted((a, b) => a.expiresAt - b.expiresAt);
  if (first === undefined) return {};
  return { certificate: first.name, certificateDaysLeft: Math.round((first.expiresAt - ts) / 8_640_000) / 10 };
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
