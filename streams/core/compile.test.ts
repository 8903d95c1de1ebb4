import { expect, test } from 'vitest';
import { TOPICS } from '../../contract/index.ts';
import { compile, count, field, from, job, max, merge } from './index.ts';

const windows = (select = { count: count() }) => ({
  by: { device: field('device') },
  sizes: [{ ms: 10_000, to: TOPICS.readings10s }],
  select,
});

test('a job is one step, and one more for each change of key', () => {
  const [first, second, ...others] = compile(
    job(
      'test',
      from(TOPICS.readings).joinTable(TOPICS.devices, 'info').keyBy('site', field('site')).windows(windows()),
    ),
  );
  expect(first).toMatchObject({
    id: 'test',
    streams: ['iot.readings'],
    tables: ['devices'],
    outputs: ['hub.test.by-site', 'dead-letters'],
    internal: [{ name: 'hub.test.by-site', partitions: 4 }],
  });
  expect(second).toMatchObject({
    id: 'test.by-site',
    streams: ['hub.test.by-site'],
    tables: [],
    outputs: ['iot.readings.10s', 'dead-letters', 'late'],
    internal: [],
  });
  expect(others).toEqual([]);
});

test('the fingerprint changes with what the state holds, and with nothing else', () => {
  const fingerprint = (plan: Parameters<typeof job>[1]) => compile(job('test', plan))[0]!.fingerprint;
  const source = from(TOPICS.readings);
  const before = fingerprint(source.windows(windows()));
  expect(fingerprint(source.filter(field('value')).windows(windows()))).toBe(before);
  expect(fingerprint(source.windows({ ...windows(), graceMs: 1 }))).toBe(before);
  expect(fingerprint(source.windows({ ...windows(), select: { count: count(), max: max(field('value')) } }))).not.toBe(
    before,
  );
  expect(fingerprint(source.joinTable(TOPICS.devices, 'info').windows(windows()))).not.toBe(before);
});

test.each([
  [
    'series that mix origins',
    from(TOPICS.readings, { origin: field('gateway') }).windows(windows()),
    'by` must contain',
  ],
  ['windows over several topics', merge(from(TOPICS.readings), from(TOPICS.weather)).windows(windows()), 'keyBy'],
  ['a job without sources', merge().windows(windows()), 'reads nothing'],
  ['a keyBy before a merge', merge(from(TOPICS.readings).keyBy('site', field('site'))).windows(windows()), 'keyBy'],
])('%s are refused', (_, plan, message) => {
  expect(() => compile(job('test', plan))).toThrow(message);
});
