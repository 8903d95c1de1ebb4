import {
  type Device,
  type GatewayStatus,
  type Health,
  type Place,
  type Reading,
  TOPICS,
  unitOf,
} from '../../contract/index.ts';
import { alerts } from '../../hub/alerts/index.ts';
import { JOBS } from '../../hub/jobs/index.ts';
import { planDevices } from '../../simulators/devices/index.ts';
import { transactions } from '../../simulators/finance/index.ts';
import { seeded } from '../../simulators/random/index.ts';
import { sky } from '../../simulators/weather/index.ts';
import { traffic } from '../../simulators/web/index.ts';
import { compile } from '../../streams/core/index.ts';
import { Bench } from '../../streams/testing/index.ts';

export interface Played {
  /** Of the first and the last second, ms since the epoch. */
  readonly start: number;
  readonly stop: number;
  /** Every record by its topic, what was sent and what the jobs made of it. */
  readonly records: ReadonlyMap<string, readonly Record<string, unknown>[]>;
}

const T = Date.UTC(2026, 10, 2, 12);
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const MINUTES = 45;
const GATEWAYS = ['gw-1', 'gw-2'];
const LINE =
  /^(?<clientIp>\S+) - - \[[^\]]*\] "(?<method>\S+) (?<path>[^ ?]+)\S* HTTP\/1.1" (?<status>\d+) (?<bytes>\d+) .* (?<seconds>\S+)$/;

/**
 * Forty-five minutes of the simulated company through all of the hub's jobs: its devices behind two gateways, its shop, its bank, the weather outside.
 * One device falls silent, one gateway holds a growing backlog. Made once without Kafka; the status of gateways and processes is written here.
 */
export function play(): Played {
  const bench = new Bench([...JOBS, alerts()].flatMap(compile));
  const records = new Map<string, Record<string, unknown>[]>();
  const keep = (topic: string, ...some: object[]) => {
    const list = records.get(topic) ?? [];
    list.push(...(some as Record<string, unknown>[]));
    records.set(topic, list);
  };
  const send = (topic: string, key: string, record: object) => {
    bench.send(topic, record, { key, appendedAt: now });
    keep(topic, record);
  };
  let now = T;

  const devices = planDevices(8, 3, false);
  for (const { reference } of devices) send('devices', reference.id, reference satisfies Device);
  const places: Place[] = [{ id: 'hillside', sites: ['plant-north', 'plant-south', 'warehouse'] }];
  for (const place of places) send('places', place.id, place);
  const weather = sky('hillside', 9, seeded(3));
  const web = traffic({ seed: 5, ratePerSecond: 6, startAt: T, malformedShare: 0, meanAttackMs: 90_000 }).lines;
  const bank = transactions({
    seed: 5,
    ratePerSecond: 2,
    accounts: 20,
    startAt: T,
    malformedShare: 0,
    outlierShare: 0.01,
    meanTheftMs: 120_000,
  });
  for (const account of bank.accounts) send('accounts', account.id, account);
  let request = web.next().value!;
  let payment = bank.lines.next().value;

  const late: (() => void)[] = [];
  for (let second = 0; second < MINUTES * 60; second++) {
    now = T + second * SECOND;
    if (second % 60 === 0) send('weather.observations', 'hillside', weather(now));
    if (second === 780) for (const measured of late.splice(0)) measured();
    if (second % 5 === 0) {
      for (const [i, device] of devices.entries()) {
        const silent = i === 6 && second > (MINUTES - 12) * 60;
        // Half of what one measures comes three minutes late: its windows are refined.
        const held = i === 1 && second >= 600 && second < 780 && second % 10 === 5;
        const measured = () => readings(device.reference, GATEWAYS[i % 2]!, values, ts);
        const [values, ts] = [device.process(now), now];
        if (held) late.push(measured);
        else if (!silent) measured();
      }
    }
    if (second % 10 === 0) {
      for (const [i, name] of GATEWAYS.entries()) send('gateways', name, gatewayStatus(name, second, i === 1));
      for (const name of ['hub-1', 'kafka-1', ...GATEWAYS]) send('platform.health', name, health(name, second));
    }
    for (; request.at <= now; request = web.next().value!) {
      const { clientIp, method, path, status, bytes, seconds } = LINE.exec(request.bytes.toString())!.groups!;
      // The shop is slow for a minute: an anomaly that does not hang on chance, either.
      const slow = now >= T + 38 * MINUTE && now < T + 39 * MINUTE ? 60 : 1;
      const numbers = { status: Number(status), bytes: Number(bytes), durationMs: 1_000 * slow * Number(seconds) };
      send('web.requests', clientIp!, { clientIp, method, path, ...numbers, ts: Math.floor(request.at) });
    }
    for (; payment.at <= now; payment = bank.lines.next().value) {
      const record = JSON.parse(payment.bytes.toString());
      // A bank clerk who slips by three digits.
      if (now === T + 39 * MINUTE) record.amount = String(1_000 * Number(record.amount));
      send('finance.transactions', record.account, record);
    }
    bench.tick(now);
  }
  const made = Object.values(TOPICS).filter(({ name }) => !records.has(name));
  for (const { name } of made) keep(name, ...bench.take<object>(name));
  return { start: T, stop: T + MINUTES * MINUTE, records };

  function readings({ id, site }: Device, gateway: string, values: Record<string, number>, ts: number) {
    // A sensor that once says what cannot be: an anomaly that does not hang on chance.
    const spoilt = id === devices[0]!.reference.id && now === T + 40 * MINUTE ? 45 : 0;
    // No simulated device measures pressure, and the outside does.
    const pressure = site === devices[0]!.reference.site ? { pressure: 1_013 } : {};
    for (const [metric, value] of Object.entries({ ...values, ...pressure })) {
      const reading: Reading = {
        device: id,
        gateway,
        site,
        metric,
        value: value + spoilt,
        unit: unitOf(metric),
        ts,
        receivedAt: now,
      };
      send('iot.readings', id, reading);
    }
  }

  function gatewayStatus(gateway: string, second: number, behind: boolean): GatewayStatus {
    const backlog = behind && second > 20 * 60 ? (second - 20 * 60) * 20 : 3;
    return {
      gateway,
      site: 'plant-north',
      version: '0.1.0',
      incarnation: '5f0c',
      ts: now,
      startedAt: T,
      backlog: { readings: backlog, bytes: backlog * 200, oldestTs: now - 1_000 },
      counts: {
        acknowledged: second * 9 + backlog,
        forwarded: second * 9,
        rejected: Math.floor(second / 300),
        duplicates: 0,
        evicted: 0,
        lost: 0,
      },
      inputs: [],
      disk: { freeBytes: 4_000_000_000 - second * 1_000, bufferBytes: 1_000_000 + backlog * 200 },
      certificateExpiresAt: T + 40 * 86_400_000,
    };
  }

  function health(process: string, second: number): Health {
    const isHub = process.startsWith('hub');
    return {
      process,
      kind: isHub ? 'hub' : process.startsWith('kafka') ? 'kafka' : 'gateway',
      ts: now,
      rssMb: 120 + (second % 60),
      cpuShare: 0.2,
      diskFreeBytes: 4_000_000_000 - second * 1_000,
      lag: isHub ? { 'hub.intake/iot.raw': second % 50, 'hub.web/web.requests': second % 30 } : {},
      certificateExpiresAt: T + 40 * 86_400_000,
      counts: process.startsWith('kafka') ? { up: 1, outOfSync: 0, offlinePartitions: 0 } : {},
      ...(isHub && { lagMax: second % 50, lagMaxOf: 'hub.intake/iot.raw', latencyMs: { p50: 40, p99: 180 } }),
      certificateDaysLeft: 40,
    };
  }
}
