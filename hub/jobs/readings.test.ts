import { expect, test } from 'vitest';
import { type Reading, ReadingWindow } from '../../contract/index.ts';
import { compile } from '../../streams/core/index.ts';
import { Bench } from '../../streams/testing/index.ts';
import { readings } from './readings.ts';

const T = Date.UTC(2026, 10, 2, 12);

function setUp() {
  const bench = new Bench(compile(readings));
  bench.send('devices', { id: 'mc-1', site: 'roof', type: 'climate' }, { key: 'mc-1' });
  const measure = (second: number, value: number, more: Partial<Reading> = {}) => {
    const ts = T + second * 1_000;
    const reading = {
      device: 'mc-1',
      gateway: 'gw-1',
      site: 'default',
      metric: 'temperature',
      value,
      unit: 'Cel',
      ts,
      receivedAt: ts,
      ...more,
    };
    bench.send('iot.readings', reading, { key: reading.device, headers: { lane: 'live' } });
  };
  return { bench, measure };
}

test('readings are summed up by device and metric in 10 s and 1 min, with what is known of the device', () => {
  const { bench, measure } = setUp();
  for (const [second, value] of [
    [0, 20],
    [4, 26],
    [9, 23],
    [30, 30],
    [62, 20],
  ] as const)
    measure(second, value);
  const series = {
    series: 'gw-1/mc-1/temperature',
    gateway: 'gw-1',
    device: 'mc-1',
    metric: 'temperature',
    unit: 'Cel',
    site: 'roof',
    type: 'climate',
    revision: 0,
  };
  expect(bench.take<ReadingWindow>('iot.readings.10s').map((row) => ReadingWindow.parse(row))).toEqual([
    { ...series, windowStart: T, windowEnd: T + 10_000, count: 3, mean: 23, min: 20, max: 26 },
    { ...series, windowStart: T + 30_000, windowEnd: T + 40_000, count: 1, mean: 30, min: 30, max: 30 },
  ]);
  expect(bench.take<ReadingWindow>('iot.readings.1m')).toEqual([
    { ...series, windowStart: T, windowEnd: T + 60_000, count: 4, mean: 24.75, min: 20, max: 30 },
  ]);
});

test('a device that nobody registered has its windows all the same', () => {
  const { bench, measure } = setUp();
  for (const second of [1, 13]) measure(second, 1, { device: 'stranger', metric: 'flow', unit: '1' });
  const [row] = bench.take<ReadingWindow>('iot.readings.10s');
  expect(ReadingWindow.parse(row)).toMatchObject({ device: 'stranger', unit: '1', site: null, type: null });
});

test('each metric of a device is a series of its own', () => {
  const { bench, measure } = setUp();
  for (const metric of ['temperature', 'humidity']) for (const second of [1, 2]) measure(second, 1, { metric });
  measure(12, 1);
  expect(bench.take<ReadingWindow>('iot.readings.10s').map((row) => row.series)).toEqual([
    'gw-1/mc-1/humidity',
    'gw-1/mc-1/temperature',
  ]);
});
