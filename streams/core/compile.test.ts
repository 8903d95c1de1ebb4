import { expect, test } from 'vitest';
import { TOPICS } from '../../contract/index.ts';
import { compile, count, field, from, job, max, merge, quantile, top } from './index.ts';

const within = { as: ['left', 'right'], type: 'inner', beforeMs: 1_000, afterMs: 1_000 } as const;
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
  [
    'windows over several changes of key',
    merge(
      from(TOPICS.readings).keyBy('site', field('site')),
      from(TOPICS.weather).keyBy('place', field('place')),
    ).windows(windows()),
    'Job test, windows(device): windows over several inputs need a keyBy',
  ],
  [
    'a grace that is no time',
    from(TOPICS.readings).windows({ ...windows(), graceMs: Number.NaN }),
    'windows(device): graceMs is NaN; it is a number of ms from 0',
  ],
  [
    'a quantile in percent',
    from(TOPICS.readings).windows({ ...windows(), select: { p95: quantile(field('value'), 95) } }),
    'windows(device): the quantile p95 is 95; it is from 0 to 1',
  ],
  [
    'more of the most frequent values than are counted',
    from(TOPICS.readings).windows({ ...windows(), select: { most: top(field('value'), 1_000) } }),
    'windows(device): most is the top 1000; it is from 1 to 512',
  ],
  [
    'a change of key without partitions',
    from(TOPICS.readings).keyBy('site', field('site'), { partitions: 0 }).windows(windows()),
    'keyBy(site): it has 0 partitions',
  ],
  [
    'a job that reads what it writes',
    from(TOPICS.readings).into(TOPICS.readings),
    'Job test, from(iot.readings): it would read what it writes there, without end',
  ],
  [
    'windows without a size',
    from(TOPICS.readings).windows({ ...windows(), sizes: [] }),
    'Job test, windows(device): `sizes` is empty',
  ],
  [
    'windows that do not hop evenly',
    from(TOPICS.readings).windows({ ...windows(), sizes: [{ ms: 10_000, advanceMs: 3_000, to: TOPICS.readings10s }] }),
    'windows(device): ms (10000) is no multiple of advanceMs (3000)',
  ],
  [
    'two sizes with one topic',
    from(TOPICS.readings).windows({
      ...windows(),
      sizes: [
        { ms: 10_000, to: TOPICS.readings10s },
        { gapMs: 10_000, to: TOPICS.readings10s },
      ],
    }),
    'two sizes go to one topic',
  ],
  [
    'a table that is none',
    from(TOPICS.readings).joinTable(TOPICS.weather, 'weather').windows(windows()),
    'Job test, joinTable(weather.observations): weather.observations is not compacted',
  ],
  [
    'a history longer than the topic keeps',
    from(TOPICS.readings)
      .joinTable(TOPICS.devices, 'info', { historyMs: 32 * 86_400_000 })
      .windows(windows()),
    'joinTable(devices): historyMs is 2764800000, but devices keeps replaced rows from compaction for 2678400000 ms',
  ],
  [
    'a table with other keys',
    from(TOPICS.readings).joinTable(TOPICS.accounts, 'account').windows(windows()),
    'joinTable(accounts): iot.readings is keyed by device, accounts by account',
  ],
  [
    'a join of other keys',
    from(TOPICS.readings).join(from(TOPICS.weather), within).into(TOPICS.alerts),
    'Job test, join(left, right): iot.readings is keyed by device, weather.observations by place',
  ],
  [
    'a join of other partitions',
    from(TOPICS.readings)
      .keyBy('site', field('site'), { partitions: 2 })
      .join(from(TOPICS.weather), within)
      .into(TOPICS.alerts),
    'keyBy(site) has 2 partitions, weather.observations 4',
  ],
  [
    'two changes of key with one name',
    from(TOPICS.readings).keyBy('site', field('site')).keyBy('site', field('device')).into(TOPICS.alerts),
    'Job test, keyBy(site): another keyBy',
  ],
  [
    'a topic read twice',
    merge(from(TOPICS.readings), from(TOPICS.readings)).into(TOPICS.alerts),
    'Job test, from(iot.readings): a step reads it twice',
  ],
])('%s are refused', (_, plan, message) => {
  expect(() => compile(job('test', plan))).toThrow(message);
});

test('a flow that meets itself after a change of key is refused', () => {
  const readings = from(TOPICS.readings).filter(field('value'));
  const plan = readings.keyBy('device', field('device')).join(readings, within).into(TOPICS.alerts);
  expect(() => compile(job('test', plan))).toThrow('Job test, keyBy(device): its records meet others');
});
