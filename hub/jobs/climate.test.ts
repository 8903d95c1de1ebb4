import { expect, test } from 'vitest';
import {
  ComfortWindow,
  type Reading,
  SiteComfortWindow,
  SiteWindow,
  type WeatherObservation,
  WeatherReading,
} from '../../contract/index.ts';
import { compile } from '../../streams/core/index.ts';
import { Bench } from '../../streams/testing/index.ts';
import { climate } from './climate.ts';

const T = Date.UTC(2026, 10, 2, 12);
const at = (second: number) => T + second * 1_000;
/** One for each partition, all of gateway gw-1. */
const CLOCKS = ['d0', 'd1', 'd2', 'd3'];

function setUp() {
  const bench = new Bench(compile(climate));
  const register = (id: string, site: string, type: string) =>
    bench.send('devices', { id, site, type }, { key: id, appendedAt: T - 86_400_000 });
  const measure = (second: number, device: string, metric: string, value: number, more: Partial<Reading> = {}) => {
    const ts = at(second);
    const unit = { temperature: 'Cel', humidity: '%' }[metric] ?? '1';
    const reading = { device, gateway: 'gw-1', site: 'home', metric, value, unit, ts, receivedAt: ts, ...more };
    bench.send('iot.readings', reading, { key: device, headers: { lane: 'live' } });
  };
  /** Readings in every partition, by which time goes on. */
  const passOn = (second: number) => {
    for (const device of CLOCKS) measure(second, device, 'uptime', second);
  };
  const place = (id: string, sites: string[], second = -3_600) =>
    bench.send('places', { id, sites }, { key: id, appendedAt: at(second) });
  const weather = (second: number, temperature: number, more: Partial<WeatherObservation> = {}) => {
    const observation = { place: 'basel-city', provider: 'test', temperature, ts: at(second), ...more };
    bench.send('weather.observations', observation, { key: observation.place, appendedAt: at(second) });
  };
  return { bench, register, measure, passOn, place, weather };
}

test('readings of a site are summed up over its devices, those of each type and unit by themselves', () => {
  const { bench, register, measure, passOn } = setUp();
  for (const id of ['room-1', 'room-2']) register(id, 'basel', 'room');
  register('press-1', 'basel', 'machine');
  register('room-9', 'zug', 'room');
  measure(1, 'room-1', 'temperature', 20);
  measure(2, 'room-2', 'temperature', 23);
  measure(3, 'room-1', 'temperature', 26, { gateway: 'gw-2' });
  measure(4, 'press-1', 'temperature', 80);
  measure(5, 'room-2', 'temperature', 70, { unit: '[degF]' });
  measure(6, 'room-9', 'temperature', 18);
  passOn(75);
  measure(76, 'room-1', 'temperature', 20, { gateway: 'gw-2' });
  const rows = bench.take<SiteWindow>('iot.sites.1m').map((row) => SiteWindow.parse(row));
  const minute = { windowStart: T, windowEnd: T + 60_000, revision: 0 };
  expect(rows).toContainEqual({
    ...{ series: 'basel/room/temperature/Cel', ...minute, site: 'basel', type: 'room', metric: 'temperature' },
    ...{ unit: 'Cel', count: 3, devices: 2, mean: 23, min: 20, max: 26 },
  });
  expect(Object.fromEntries(rows.map(({ series, mean }) => [series, mean]))).toEqual({
    'basel/room/temperature/Cel': 23,
    'basel/machine/temperature/Cel': 80,
    'basel/room/temperature/[degF]': 70,
    'zug/room/temperature/Cel': 18,
  });
});

test('a device that nobody registered counts for the site of its gateway', () => {
  const { bench, measure, passOn } = setUp();
  measure(1, 'stranger', 'temperature', 20);
  passOn(63);
  expect(bench.take<SiteWindow>('iot.sites.1m').map(({ series }) => series)).toContain('home/unknown/temperature/Cel');
});

test('a gateway that was away for hours refines the windows of its site', () => {
  const { bench, measure, passOn } = setUp();
  measure(1, 'd0', 'temperature', 20);
  passOn(63);
  for (let second = 120; second <= 4 * 3_600; second += 60) passOn(second);
  bench.take('iot.sites.1m');
  measure(2, 'd1', 'temperature', 24, { gateway: 'gw-2' });
  measure(4 * 3_600 + 9, 'd1', 'uptime', 1, { gateway: 'gw-2' });
  passOn(4 * 3_600 + 10);
  const [row] = bench.take<SiteWindow>('iot.sites.1m').filter(({ metric }) => metric === 'temperature');
  expect(row).toMatchObject({ windowStart: T, revision: 1, count: 2, devices: 2, mean: 22 });
  expect(bench.take('late')).toEqual([]);
});

test('how the air feels near a device follows from its temperature and humidity in the same minute', () => {
  const { bench, register, measure, passOn } = setUp();
  register('room-1', 'basel', 'room');
  for (const second of [1, 31]) measure(second, 'room-1', 'temperature', 29 + second / 16);
  measure(20, 'room-1', 'humidity', 50);
  measure(70, 'room-1', 'temperature', 30);
  for (const second of [63, 130]) passOn(second);
  // 30 °C at 50 %: 30 − (0.55 − 0.275) × 15.5.
  expect(bench.take<ComfortWindow>('iot.comfort.1m').map((row) => ComfortWindow.parse(row))).toEqual([
    {
      ...{ series: 'gw-1/room-1', windowStart: T, windowEnd: T + 60_000, revision: 0, count: 3 },
      ...{ gateway: 'gw-1', device: 'room-1', site: 'basel', type: 'room' },
      ...{ temperature: 30, humidity: 50, discomfort: expect.closeTo(25.7375, 6) },
    },
  ]);
});

test('how a site feels follows from all its devices of a type, also where none measures both', () => {
  const { bench, register, measure, passOn } = setUp();
  for (const id of ['room-1', 'room-2']) register(id, 'basel', 'room');
  measure(1, 'room-1', 'temperature', 20);
  measure(2, 'room-2', 'humidity', 100);
  // At 100 % the index is the temperature itself.
  passOn(63);
  expect(bench.take<SiteComfortWindow>('iot.sites.comfort.1m').map((row) => SiteComfortWindow.parse(row))).toEqual([
    {
      ...{ series: 'basel/room', windowStart: T, windowEnd: T + 60_000, revision: 0, count: 2, devices: 2 },
      ...{ site: 'basel', type: 'room', temperature: 20, humidity: 100, discomfort: expect.closeTo(20, 6) },
    },
  ]);
  expect(bench.take('iot.comfort.1m')).toEqual([]);
});

test('other units than Cel and % have no part in comfort', () => {
  const { bench, measure, passOn } = setUp();
  measure(1, 'd0', 'temperature', 70, { unit: '[degF]' });
  measure(2, 'd0', 'humidity', 50);
  passOn(63);
  expect([...bench.take('iot.comfort.1m'), ...bench.take('iot.sites.comfort.1m')]).toEqual([]);
});

test('every reading gets the weather that its site had at its time', () => {
  const { bench, register, measure, place, weather } = setUp();
  register('room-1', 'basel', 'room');
  place('basel-city', ['basel', 'riehen']);
  weather(0, 8.5, { humidity: 71 });
  weather(900, 9);
  measure(1_000, 'room-1', 'temperature', 21);
  measure(600, 'room-1', 'humidity', 45);
  const outside = { place: 'basel-city', provider: 'test' };
  expect(bench.take<WeatherReading>('iot.readings.weather').map((row) => WeatherReading.parse(row))).toEqual([
    expect.objectContaining({
      ...{ device: 'room-1', site: 'basel', type: 'room', metric: 'temperature', value: 21, ts: at(1_000) },
      outside: { ...outside, temperature: 9, ts: at(900) },
    }),
    expect.objectContaining({ metric: 'humidity', outside: { ...outside, temperature: 8.5, humidity: 71, ts: T } }),
  ]);
});

test('the weather of sites can be read by itself, the latest of each', () => {
  const { bench, place, weather } = setUp();
  place('basel-city', ['basel', 'riehen']);
  weather(0, 8.5);
  weather(0, 1, { place: 'elsewhere' });
  const records = bench.takeRecords('weather.sites');
  expect(records.map(({ key }) => key)).toEqual(['basel', 'riehen']);
  expect(JSON.parse(String(records[0]!.value))).toEqual({
    ...{ site: 'basel', place: 'basel-city', provider: 'test', temperature: 8.5, ts: T },
  });
});

test('no weather is better than that of another day, or of another site', () => {
  const { bench, register, measure, place, weather } = setUp();
  register('room-1', 'basel', 'room');
  register('room-2', 'zug', 'room');
  place('basel-city', ['basel']);
  weather(0, 8.5);
  measure(4 * 3_600, 'room-1', 'temperature', 21);
  measure(-4 * 3_600, 'room-1', 'temperature', 21);
  measure(10, 'room-2', 'temperature', 21);
  expect(bench.take('iot.readings.weather')).toEqual([]);
});

test('a new life goes on where the one before ended', () => {
  const { bench, register, measure, passOn, place, weather } = setUp();
  register('room-1', 'basel', 'room');
  place('basel-city', ['basel']);
  weather(0, 8.5);
  measure(1, 'room-1', 'temperature', 20);
  bench.restart();
  measure(2, 'room-1', 'humidity', 100);
  passOn(63);
  expect(bench.take<SiteComfortWindow>('iot.sites.comfort.1m')).toMatchObject([{ site: 'basel', discomfort: 20 }]);
  expect(bench.take('iot.readings.weather')).toHaveLength(2);
});
