import type { ReadingWindow, TransactionWindow, WebWindow } from '../../contract/index.ts';

/** A series and the numbers it moves around. */
export interface Shape {
  readonly device: string;
  readonly type: string;
  readonly gateway: string;
  readonly site: string;
  readonly metric: string;
  readonly unit: string;
  readonly base: number;
  readonly swing: number;
  readonly noise: number;
}

const MACHINES: [string, string, string, string][] = [
  ['boiler-1', 'boiler', 'gw-plant', 'plant'],
  ['boiler-2', 'boiler', 'gw-plant', 'plant'],
  ['mixer-1', 'mixer', 'gw-plant', 'plant'],
  ['pump-1', 'pump', 'gw-well', 'well'],
  ['pump-2', 'pump', 'gw-well', 'well'],
  ['silo-3', 'silo', 'gw-well', 'well'],
];

/** Devices as a small works has them. */
export const SHAPES: Shape[] = MACHINES.flatMap(([device, type, gateway, site], i) => [
  { device, type, gateway, site, metric: 'temperature', unit: 'Cel', base: 21 + 9 * i, swing: 3, noise: 0.25 },
  { device, type, gateway, site, metric: 'humidity', unit: '%', base: 45 + 3 * i, swing: 6, noise: 0.6 },
  { device, type, gateway, site, metric: 'vibration', unit: 'mm/s', base: 1.6 + 0.5 * i, swing: 0.3, noise: 0.12 },
]);

const PATHS: [string, number, number, number][] = [
  ['/', 96, 18, 0.001],
  ['/api/orders', 61, 44, 0.012],
  ['/api/search', 38, 120, 0.006],
  ['/products', 33, 35, 0.002],
  ['/api/checkout', 12, 210, 0.083],
  ['/login', 9, 65, 0.004],
  ['/static/app.js', 88, 4, 0],
];
const ACCOUNTS = ['DE-4410-22', 'DE-4410-87', 'FR-1207-03', 'NL-0933-51', 'AT-7745-19'];

const around = (spread: number) => (Math.random() + Math.random() + Math.random() - 1.5) * spread;

/** The value of a series at a time. */
export function valueAt(s: Shape, t: number): number {
  return s.base + s.swing * Math.sin(t / 240_000 + s.base) + around(s.noise);
}

export function readingWindows(from: number, to: number, size: number): ReadingWindow[] {
  const windows: ReadingWindow[] = [];
  for (const s of SHAPES) {
    for (let start = from; start < to; start += size) {
      const mean = valueAt(s, start);
      const { device, metric, unit, gateway, site, type } = s;
      const spread = s.noise * (1 + Math.random());
      const span = { windowStart: start, windowEnd: start + size, revision: 0, count: size / 1_000 };
      const series = `${gateway}/${device}/${metric}`;
      windows.push({
        series,
        ...span,
        device,
        metric,
        unit,
        gateway,
        site,
        type,
        mean,
        min: mean - spread,
        max: mean + spread,
      });
    }
  }
  return windows;
}

export function webWindows(from: number, to: number, size: number): WebWindow[] {
  const windows: WebWindow[] = [];
  for (const [path, rate, ms, errors] of PATHS) {
    for (let start = from; start < to; start += size) {
      const wave = 1 + 0.25 * Math.sin(start / 180_000) + around(0.08);
      windows.push({
        series: path,
        windowStart: start,
        windowEnd: start + size,
        revision: 0,
        count: Math.round((rate * wave * size) / 10_000),
        path,
        errorShare: Math.max(0, errors * (1 + around(0.9))),
        p50: ms * (1 + around(0.1)),
        p95: ms * 2.6 * (1 + around(0.15)),
        p99: ms * 4.4 * (1 + around(0.25)),
      });
    }
  }
  return windows;
}

export function transactionWindows(from: number, to: number, size: number): TransactionWindow[] {
  const windows: TransactionWindow[] = [];
  for (const [i, account] of ACCOUNTS.entries()) {
    for (let start = from; start < to; start += size) {
      const count = Math.max(1, Math.round(((6 - i) * (1 + around(0.5)) * size) / 10_000));
      const sum = count * (40 + 25 * i) * (1 + around(0.4));
      const span = { windowStart: start, windowEnd: start + size, revision: 0, count };
      windows.push({
        series: `${account}/EUR`,
        ...span,
        account,
        currency: 'EUR',
        sum: sum.toFixed(2),
        max: (sum * 0.6).toFixed(2),
      });
    }
  }
  return windows;
}
