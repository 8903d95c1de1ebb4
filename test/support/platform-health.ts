/** What the processes of a platform say of themselves, made by the code that says it, while one thing after the other goes wrong and is mended. */
import { type GatewayStatus, Health } from '../../contract/index.ts';
import { healthOf } from '../../gateway/health/index.ts';
import { brokersHealth, hubHealth } from '../../hub/health/index.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const DAY = 86_400_000;
const PLENTY = 40_000_000_000;

export const TROUBLE_FROM = 5 * MINUTE;
export const TROUBLE_TO = 10 * MINUTE;
export const STORY_MS = 15 * MINUTE;

/** Of each rule about `platform.health`, the processes that have the trouble it is about. */
export const TROUBLES: Readonly<Record<string, readonly string[]>> = {
  'consumer-lag': ['hub-1'],
  'page-latency': ['hub-2'],
  'certificate-expires-soon': ['gw-1', 'kafka-1'],
  'certificate-expires-now': ['gw-1'],
  'disk-nearly-full': ['gw-2', 'kafka-2'],
  'kafka-broker-down': ['kafka-3'],
  'kafka-under-replicated': ['kafka-3'],
  'kafka-partitions-offline': ['kafka-2'],
};

/** Two hubs that both tell of three brokers, and two gateways: all well until TROUBLE_FROM and from TROUBLE_TO on. */
export function platformHealth(start: number): Health[] {
  const records: Health[] = [];
  for (let at = 0; at < STORY_MS; at += 10 * SECOND) {
    const bad = at >= TROUBLE_FROM && at < TROUBLE_TO;
    const now = start + at;
    // For less than the rules wait, hub-2 has what is the trouble of hub-1.
    const hiccup = at === TROUBLE_FROM + MINUTE;
    records.push(...hubs(now, bad, hiccup), ...gateways(now, bad), ...brokers(now, bad), ...brokers(now + 3, bad));
  }
  return records.map((record) => Health.parse(record));
}

function hubs(now: number, bad: boolean, hiccup: boolean): Health[] {
  return ['hub-1', 'hub-2'].map((process) => {
    const isFirst = process === 'hub-1';
    const isBehind = (isFirst && bad) || (!isFirst && hiccup);
    const known = {
      // Right after its start it knows of no lag.
      lag: now % (7 * MINUTE) === 0 ? undefined : { 'hub.intake/iot.raw': isBehind ? 60_000 : 12, 'hub.web/x': 3 },
      diskFreeBytes: PLENTY,
      certificates: [{ name: 'kafka_ca', expiresAt: now + 900 * DAY }],
      cluster: undefined,
    };
    const latencyMs = { p50: 40, p99: !isFirst && bad ? 12_000 : 180 };
    const about = { process, cpuShare: 0.1, latencyMs, counts: { 'source.bank': 50 }, startedAt: now - DAY };
    return hubHealth(known, about, now);
  });
}

function gateways(now: number, bad: boolean): Health[] {
  return ['gw-1', 'gw-2'].map((gateway) => {
    const expiresAt = now + (bad && gateway === 'gw-1' ? 2 : 300) * DAY;
    const status: GatewayStatus = {
      ...{ gateway, site: 'roof', version: '0.1.0', incarnation: '5f0c', ts: now, startedAt: now - DAY },
      backlog: { readings: 3, bytes: 600, oldestTs: now - SECOND },
      counts: { acknowledged: 9, forwarded: 6, rejected: 0, duplicates: 0, evicted: 0, lost: 0 },
      inputs: [],
      disk: { freeBytes: bad && gateway === 'gw-2' ? 400_000_000 : PLENTY, bufferBytes: 600 },
      certificateExpiresAt: expiresAt,
      certificates: [
        { name: 'mqtt_server', expiresAt: now + 400 * DAY },
        { name: 'kafka_client', expiresAt },
      ],
      state: 'running',
    };
    return healthOf({ status }, 0.1);
  });
}

function brokers(now: number, bad: boolean): Health[] {
  const states = [1, 2, 3].map((id) => ({
    id,
    address: bad && id === 3 ? undefined : `kafka-${id}:9093`,
    replicas: 100,
    outOfSync: bad && id === 3 ? 100 : 0,
    offline: bad && id === 2 ? 4 : 0,
    disk: bad && id === 3 ? undefined : { freeBytes: bad && id === 2 ? 300_000_000 : PLENTY, totalBytes: 2 * PLENTY },
  }));
  const cluster = { brokers: states, partitions: 100, underReplicated: bad ? 100 : 0, offline: bad ? 4 : 0 };
  return brokersHealth(cluster, (address) => now + (bad && address === 'kafka-1:9093' ? 10 : 300) * DAY, now);
}
