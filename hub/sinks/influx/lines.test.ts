import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { z } from 'zod';
import { ALL_TOPICS, TOPICS } from '../../../contract/index.ts';
import { escapeTag, linesOf } from './lines.ts';
import { MEASUREMENTS, NOT_STORED } from './points.ts';

const of = (name: string) => linesOf(MEASUREMENTS.find((measurement) => measurement.name === name)!);
const texts = (name: string, record: object) => of(name)(record as Record<string, unknown>).map(({ text }) => text);

const reading = {
  device: 'd1',
  gateway: 'gw-1',
  site: 'home',
  metric: 'temperature',
  value: 21.5,
  unit: 'Cel',
  ts: 1_700_000_000_123,
  receivedAt: 1_700_000_000_200,
};

test('a reading is a point of its series at its time', () => {
  expect(texts('iot.readings', reading)).toEqual([
    'iot.readings,device=d1,gateway=gw-1,metric=temperature,site=home,unit=Cel value=21.5 1700000000123',
  ]);
});

test('what is null or missing leaves no tag and no field; a record without any field is no point', () => {
  const window = { series: 's', windowStart: 60_000, windowEnd: 120_000, revision: 2, count: 7, path: '/a b,c=d' };
  expect(texts('web.requests.1m', { ...window, errorShare: 0, p50: null, p95: 12.5 })).toEqual([
    'web.requests.1m,path=/a\\ b\\,c\\=d count=7i,revision=2i,errorShare=0,p95=12.5 60000',
  ]);
  expect(
    texts('iot.readings.1m', { ...window, ...reading, site: null, type: null, mean: 1, min: 1, max: 1 })[0],
  ).toMatch(/^iot\.readings\.1m,device=d1,gateway=gw-1,metric=temperature,unit=Cel /);
  expect(texts('weather.observations', { place: 'p', provider: 'x', ts: 1 })).toEqual([]);
});

test('money is a number for charts and the exact text', () => {
  const balance = { account: 'a', currency: 'EUR', balance: '-10.10', version: 3, transaction: 't', ts: 5 };
  expect(texts('finance.balances', balance)).toEqual([
    'finance.balances,account=a,currency=EUR balance=-10.1,balanceExact="-10.10",version=3i 5',
  ]);
});

test('nested objects are flattened, and each lag is a point of its own', () => {
  const health = {
    process: 'hub-1',
    kind: 'hub',
    ts: 9,
    rssMb: 90,
    cpuShare: 0.2,
    diskFreeBytes: null,
    certificateExpiresAt: null,
    lag: { 'hub.intake/iot.raw': 4, 'page.hub-1/a/b': 0 },
    counts: { 'source.web server': 12 },
  };
  expect(texts('platform.health', health)).toEqual([
    'platform.health,kind=hub,process=hub-1 rssMb=90,cpuShare=0.2,counts.source.web\\ server=12i 9',
  ]);
  expect(texts('platform.lag', health)).toEqual([
    'platform.lag,group=hub.intake,process=hub-1,topic=iot.raw records=4i 9',
    'platform.lag,group=page.hub-1,process=hub-1,topic=a/b records=0i 9',
  ]);
});

test.each([
  ['value', 'warm', 'value should be a number and is "warm"'],
  ['ts', 1.5, 'ts should be a time in ms and is 1.5'],
  ['device', 7, 'device should be a text and is 7'],
])('a record whose %s is %j is no point', (field, value, message) => {
  expect(() => of('iot.readings')({ ...reading, [field]: value })).toThrow(message);
});

test('the type of a field never depends on its value, and the same record always gives the same line', () => {
  const value = fc.double({ noNaN: true, noDefaultInfinity: true });
  const text = fc.string({ unit: 'grapheme-composite', minLength: 1 });
  fc.assert(
    fc.property(value, text, fc.integer({ min: 0 }), (number, name, count) => {
      const record = { ...reading, device: name, value: number };
      const [line] = texts('iot.readings', record);
      expect(line).toMatch(/ value=-?\d+(\.\d+)?(e[+-]\d+)? 1700000000123$/);
      expect(texts('iot.readings', structuredClone(record))).toEqual([line]);
      const row = { series: 's', windowStart: 1, windowEnd: 2, revision: 0, count, path: name, errorShare: number };
      expect(texts('web.requests.1m', row)[0]).toMatch(/ count=\d+i,revision=0i,errorShare=/);
    }),
  );
});

test('whatever a tag holds, it stays one tag of one line', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('\\', ',', '=', ' ', '\n', 'a', '\t', 'é', '"') }), (text) => {
      const escaped = escapeTag(text);
      expect(escaped).not.toMatch(/[\n\t]|\\$/);
      // Unescaping what InfluxDB unescapes gives the text back, with what it cannot hold as in an address.
      const back = escaped.replace(/\\([,= ])/g, '$1');
      expect(back).toBe(text.replaceAll('\\', '%5C').replaceAll('\n', '%0A').replaceAll('\t', '%09'));
      expect(escaped.replace(/\\[,= ]/g, '')).not.toMatch(/[,= ]/);
    }),
  );
});

test('every topic is stored or said not to be, and of a stored one every field of its schema is', () => {
  const problems: string[] = [];
  for (const topic of ALL_TOPICS) {
    const measurements = MEASUREMENTS.filter((measurement) => measurement.topic === topic);
    if (topic.schema === undefined || topic === TOPICS.raw) continue;
    if (measurements.length === 0 && !(topic.name in NOT_STORED))
      problems.push(`${topic.name} is neither stored nor in NOT_STORED`);
    const [measurement] = measurements;
    if (measurement === undefined) continue;
    const { tags, fields, left = [], time } = measurement;
    const known = new Set([...tags, ...left, time, ...Object.keys(fields).map((field) => field.split('.')[0])]);
    for (const field of Object.keys((topic.schema as z.ZodObject).shape)) {
      if (!known.has(field))
        problems.push(`${topic.name}: ${field} is no tag, no field and not left out (hub/sinks/influx/points.ts)`);
    }
    expect(tags, topic.name).toEqual(tags.toSorted());
  }
  expect(problems).toEqual([]);
});
