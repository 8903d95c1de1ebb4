import {
  type Alert,
  CONTRACT_VERSION,
  type GatewayStatus,
  HEADER,
  type Reading,
  TOPICS,
} from '../../contract/index.ts';
import type { Intake } from '../../hub/sinks/index.ts';
import {
  alerting,
  alertOf,
  alerts,
  anomalies,
  deadLetters,
  gatewayStatus,
  healths,
  laggingGateway,
  lateRecord,
} from './records.ts';
import { readingWindows, SHAPES, transactionWindows, valueAt, webWindows } from './windows.ts';

const WINDOW = 10_000;
const MINUTE = 60_000;

/** Puts records into a feed as Kafka would bring them, with numbers that look like those of a running platform. */
export interface Synthetic {
  /** Windows, anomalies and all the rest of the last `minutes`. */
  history(minutes: number): void;
  /** One reading of every series, `delayMs` after its gateway received it. */
  readings(delayMs?: number): void;
  reading(change: Partial<Reading>): void;
  gateway(change?: Partial<GatewayStatus>): void;
  alert(change?: Partial<Alert>): void;
  /** Alerts that are held back, silences, channels and what they were told. */
  alerting(): void;
  put(topic: string, values: readonly unknown[]): void;
}

export function createSynthetic(intake: Intake, clock: () => number): Synthetic {
  const offsets = new Map<string, number>();

  function put(topic: string, values: readonly unknown[]): void {
    const from = offsets.get(topic) ?? 0;
    const next = from + values.length;
    offsets.set(topic, next);
    const records = values.map((value, i) => ({
      key: null,
      value: Buffer.from(JSON.stringify(value)),
      headers: { [HEADER.version]: CONTRACT_VERSION, [HEADER.lane]: 'live' },
      partition: 0,
      offset: from + i,
      appendedAt: clock(),
    }));
    intake.accept({ topic, partition: 0, records, from, next, highWatermark: next });
  }

  return {
    put,
    gateway: (change) => put(TOPICS.gateways.name, [gatewayStatus(clock(), change)]),
    alert: (change) => put(TOPICS.alerts.name, [alertOf(clock(), change)]),
    alerting() {
      for (const [topic, values] of Object.entries(alerting(clock()))) put(topic, values);
    },
    history(minutes) {
      const now = clock();
      for (const [size, sized] of [
        [WINDOW, [TOPICS.readings10s, TOPICS.webRequests10s, TOPICS.transactions10s]],
        [MINUTE, [TOPICS.readings1m, TOPICS.webRequests1m, TOPICS.transactions1m]],
      ] as const) {
        const to = Math.floor(now / size) * size;
        const [readings, web, transactions] = sized;
        put(readings.name, readingWindows(to - minutes * MINUTE, to, size));
        put(web.name, webWindows(to - minutes * MINUTE, to, size));
        put(transactions.name, transactionWindows(to - minutes * MINUTE, to, size));
      }
      put(TOPICS.anomalies.name, anomalies(now));
      put(TOPICS.alerts.name, alerts(now));
      put(TOPICS.gateways.name, [gatewayStatus(now), laggingGateway(now)]);
      put(TOPICS.health.name, healths(now));
      put(TOPICS.deadLetters.name, deadLetters(now));
      put(TOPICS.late.name, [lateRecord(now)]);
    },
    readings(delayMs = 40) {
      const receivedAt = clock() - delayMs;
      const values = SHAPES.map((s): Reading => {
        const { device, gateway, site, metric, unit } = s;
        return { device, gateway, site, metric, unit, value: valueAt(s, receivedAt), ts: receivedAt, receivedAt };
      });
      put(TOPICS.readings.name, values);
    },
    reading(change) {
      const at = clock();
      const usual = {
        device: 'pump-1',
        gateway: 'gw-well',
        site: 'well',
        metric: 'temperature',
        unit: 'Cel',
        value: 20,
      };
      put(TOPICS.readings.name, [{ ...usual, ts: at, receivedAt: at, ...change }]);
    },
  };
}
