import type { Reading, ReadingWindow } from '../../contract/index.ts';
import type { IncomingRecord } from '../../kafka/index.ts';
import type { DeviceTruth } from '../../simulators/devices/index.ts';

/** What devices sent, and were told, against what was counted. Readings are named `device metric ts`. */
export interface Ledger {
  readonly sent: number;
  readonly acknowledged: number;
  readonly counted: number;
  /** Acknowledged and not counted. */
  readonly lost: readonly string[];
  readonly twice: readonly string[];
  /** Counted and never sent so. */
  readonly invented: readonly string[];
}

/** Compares the devices' own log with the records of `iot.readings`, without those of the gateway's own host. */
export function balance(devices: readonly DeviceTruth[], records: readonly IncomingRecord[]): Ledger {
  const sent = new Map<string, { readonly value: number; readonly acknowledged: boolean }>();
  for (const { device, records } of devices) {
    for (const { ts, values, malformed, acknowledged } of records) {
      if (malformed) continue;
      for (const [metric, value] of Object.entries(values)) {
        sent.set(`${device} ${metric} ${ts}`, { value, acknowledged });
      }
    }
  }
  const counted = new Set<string>();
  const twice: string[] = [];
  const invented: string[] = [];
  for (const reading of records.map(readingOf)) {
    if (isHost(reading)) continue;
    const name = `${reading.device} ${reading.metric} ${reading.ts}`;
    if (counted.has(name)) twice.push(name);
    if (sent.get(name)?.value !== reading.value) invented.push(name);
    counted.add(name);
  }
  const acknowledged = [...sent].filter(([, its]) => its.acknowledged);
  const lost = acknowledged.filter(([name]) => !counted.has(name)).map(([name]) => name);
  return { sent: sent.size, acknowledged: acknowledged.length, counted: counted.size, lost, twice, invented };
}

/** Where the last revisions of windows of `ms` are not what the counted readings come to, and which are missing; a sentence each. */
export function wrongWindows(
  readings: readonly IncomingRecord[],
  windows: readonly IncomingRecord[],
  ms: number,
): string[] {
  const expected = new Map<string, { count: number; sum: number; min: number; max: number }>();
  // In the order in which the job adds them, so that sums come out the same to the last digit.
  for (const record of readings.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset)) {
    const reading = readingOf(record);
    if (isHost(reading)) continue;
    const { gateway, device, metric, ts, value } = reading;
    const key = `${gateway}/${device}/${metric} ${ts - (ts % ms)}`;
    const so = expected.get(key) ?? { count: 0, sum: 0, min: value, max: value };
    so.count++;
    so.sum += value;
    so.min = Math.min(so.min, value);
    so.max = Math.max(so.max, value);
    expected.set(key, so);
  }

  const last = new Map<string, ReadingWindow>();
  const wrong: string[] = [];
  for (const record of windows.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset)) {
    const window = JSON.parse(record.value!.toString()) as ReadingWindow;
    const key = `${window.series} ${window.windowStart}`;
    const before = last.get(key);
    const follows = before === undefined ? 0 : before.revision + 1;
    if (window.revision !== follows) wrong.push(`${key}: revision ${window.revision} where ${follows} was next`);
    last.set(key, window);
  }
  for (const [key, { count, sum, min, max }] of expected) {
    const want = { count, mean: sum / count, min, max };
    const window = last.get(key);
    const is = window && { count: window.count, mean: window.mean, min: window.min, max: window.max };
    const [a, b] = [JSON.stringify(want), JSON.stringify(is)];
    if (a !== b) wrong.push(`${key}: ${b} where the readings give ${a}`);
  }
  return wrong;
}

/** What gateways forwarded, each reading once. */
export function firstSends(raw: readonly IncomingRecord[]): IncomingRecord[] {
  const readings = raw.filter(({ headers }) => headers.kind === undefined);
  return [...new Map(readings.map((record) => [identityOf(record), record])).values()];
}

/** Sends that Kafka holds beyond the first. */
export function repeats(raw: readonly IncomingRecord[]): number {
  return raw.length - new Set(raw.map(identityOf)).size;
}

const identityOf = ({ key, headers }: IncomingRecord) => `${key} ${headers.id}`;
const readingOf = ({ value }: IncomingRecord) => JSON.parse(value!.toString()) as Reading;
const isHost = ({ device, gateway }: Reading) => device === `${gateway}-host`;
