import { expect, test } from 'vitest';
import { TOPICS } from '../../contract/index.ts';
import { Bench } from '../testing/index.ts';
import { compile, field, from, job } from './index.ts';

const T = Date.UTC(2026, 10, 2, 12);

test('a tick that throws costs only its series, and is told once until it works again', () => {
  const plan = from<{ name: string; works: boolean }>(TOPICS.readings, { trusted: true }).process<{ works: boolean }>({
    version: 1,
    series: field('name'),
    outputs: [TOPICS.anomalies],
    init: () => ({ works: true }),
    step: (_, { works }) => ({ works }),
    tick(state, now, { series, emit }) {
      if (!state.works) throw new Error('no such room');
      emit(TOPICS.anomalies, series, { series, now });
      return state;
    },
  });
  const bench = new Bench(compile(job('test', plan)));
  const send = (name: string, works: boolean) => bench.send('iot.readings', { name, works, ts: T }, { key: 'k' });
  const said = (topic: string) => bench.take<{ series?: string; reason?: string }>(topic);
  send('bad', false);
  send('good', true);
  for (let second = 0; second < 3; second++) bench.tick(T + second * 1_000);
  expect(said('anomalies').map(({ series }) => series)).toEqual(['good', 'good', 'good']);
  expect(said('dead-letters')).toMatchObject([
    { origin: 'test:bad', code: 'JOB_FAILED', reason: 'at a tick: no such room' },
  ]);
  send('bad', true);
  bench.tick(T + 3_000);
  send('bad', false);
  bench.tick(T + 4_000);
  expect(said('anomalies').map(({ series }) => series)).toEqual(['bad', 'good', 'good']);
  expect(said('dead-letters')).toHaveLength(1);
});
