import { expect, test } from 'vitest';
import { TOPICS } from '../../contract/index.ts';
import { Bench } from '../testing/index.ts';
import { compile, field, from, job, max, min, minus } from './index.ts';

const T = Date.UTC(2026, 10, 2, 12);

test('columns of a result can be made of the others', () => {
  const spread = from(TOPICS.readings, { trusted: true }).windows({
    by: { device: field('device') },
    sizes: [{ ms: 10_000, to: TOPICS.readings10s }],
    select: { max: max(field('value')), min: min(field('value')) },
    derive: { spread: minus(field('max'), field('min')) },
  });
  const bench = new Bench(compile(job('test', spread)));
  for (const [second, value] of [
    [1, 3],
    [2, 7],
    [13, 1],
  ] as const)
    bench.send('iot.readings', { device: 'd', value, ts: T + second * 1_000 }, { key: 'd' });
  expect(bench.take('iot.readings.10s')).toMatchObject([{ device: 'd', max: 7, min: 3, spread: 4 }]);
});

test('records can end in a topic under another key, and those that have none are refused', () => {
  const bench = new Bench(compile(job('test', from(TOPICS.weather).into(TOPICS.alerts, { key: field('provider') }))));
  const observation = { place: 'basel', provider: 'api', temperature: 8, ts: T };
  bench.send('weather.observations', observation, { key: 'basel' });
  bench.send('weather.observations', { ...observation, provider: undefined }, { key: 'basel' });
  expect(bench.takeRecords('alerts').map(({ key, value }) => [key, JSON.parse(String(value))])).toEqual([
    ['api', observation],
  ]);
  expect(bench.take('dead-letters')).toHaveLength(1);
});
