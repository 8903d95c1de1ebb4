import { expect, test } from 'vitest';
import { type DeadLetter, TOPICS, type WebWindow } from '../../contract/index.ts';
import { Bench, Lives } from '../testing/index.ts';
import {
  compile,
  count,
  distinct,
  field,
  from,
  gte,
  job,
  last,
  literal,
  merge,
  quantile,
  replace,
  share,
  sumDecimal,
  top,
} from './index.ts';

const T = Date.UTC(2026, 10, 2, 12);
const SECOND = 1_000;

const web = job(
  'web',
  from(TOPICS.webRequests)
    .filter(gte(field('status'), 200))
    .derive({ path: replace(field('path'), '/[0-9]+(?=/|$)', '/:n') })
    .keyBy('path', field('path'))
    .windows({
      by: { path: field('path') },
      sizes: [{ ms: 10 * SECOND, to: TOPICS.webRequests10s }],
      select: { count: count(), errorShare: share(gte(field('status'), 500)), p50: quantile(field('durationMs'), 0.5) },
    }),
);

function request(seconds: number, more: object = {}) {
  return { clientIp: '10.0.0.1', method: 'GET', path: '/', status: 200, bytes: 1, ts: T + seconds * SECOND, ...more };
}

test('records that change their key meet in the step after it', () => {
  const bench = new Bench(compile(web));
  for (let client = 0; client < 20; client++) {
    bench.send('web.requests', request(client / 4, { path: `/items/${client}`, status: client < 5 ? 503 : 200 }), {
      key: `10.0.0.${client}`,
    });
  }
  bench.send('web.requests', request(6, { status: 100 }), { key: '10.0.0.1' });
  for (let client = 0; client < 20; client++) bench.send('web.requests', request(13), { key: `10.0.0.${client}` });
  expect(bench.take<WebWindow>('web.requests.10s')).toMatchObject([
    { series: '/items/:n', path: '/items/:n', windowStart: T, revision: 0, count: 20, errorShare: 0.25, p50: null },
  ]);
});

test('time downstream is as far as the slowest task upstream, however far ahead another is', () => {
  const bench = new Bench(compile(web));
  // Keys of the four partitions.
  const clients = ['0', '1', '2', '3'];
  for (const key of clients) bench.send('web.requests', request(1), { key });
  for (let second = 2; second < 3_600; second++) bench.send('web.requests', request(second), { key: '0' });
  expect(bench.take('web.requests.10s')).toEqual([]);
  for (let second = 2; second < 3_600; second++)
    for (const key of clients.slice(1)) bench.send('web.requests', request(second), { key });
  const rows = bench.take<WebWindow>('web.requests.10s');
  expect(rows).toHaveLength(359);
  expect(new Set(rows.slice(1).map((row) => row.count))).toEqual(new Set([40]));
  expect(bench.take('late')).toEqual([]);
});

test('a partition that has no records holds nothing back once it has been silent', () => {
  const bench = new Bench(compile(web));
  for (let second = 0; second < 60; second++) {
    bench.tick(T + second * SECOND);
    bench.send('web.requests', request(second), { key: '0' });
  }
  const rows = bench.take<WebWindow>('web.requests.10s');
  expect(rows.map((row) => (row.windowStart - T) / SECOND)).toEqual([0, 10, 20, 30, 40]);
});

test('a stream is enriched by the row its table has for the key; without one it goes on all the same', () => {
  const bench = new Bench(
    compile(
      job(
        'test',
        from(TOPICS.readings, { trusted: true })
          .joinTable(TOPICS.devices, 'info')
          .windows({
            by: { device: field('device') },
            sizes: [{ ms: 10 * SECOND, to: TOPICS.readings10s }],
            select: { site: last(field('info', 'site')), count: count() },
          }),
      ),
    ),
  );
  bench.send('devices', { id: 'd-1', site: 'roof', type: 'climate' }, { key: 'd-1' });
  bench.send('devices', { id: 'd-5' }, { key: 'd-5' });
  bench.restart();
  for (const second of [1, 13])
    for (const key of ['d-1', 'd-5']) bench.send('iot.readings', { device: key, ts: T + second * SECOND }, { key });
  expect(bench.take('iot.readings.10s')).toMatchObject([
    { series: 'd-1', site: 'roof' },
    { series: 'd-5', site: null },
  ]);
  expect(bench.take('dead-letters')).toMatchObject([{ code: 'INVALID', reason: 'the value is no row of devices' }]);
  bench.send('devices', null, { key: 'd-1' });
  bench.send('iot.readings', { device: 'd-1', ts: T + 25 * SECOND }, { key: 'd-1' });
  bench.send('iot.readings', { device: 'd-1', ts: T + 45 * SECOND }, { key: 'd-1' });
  expect(bench.take('iot.readings.10s').at(-1)).toMatchObject({ series: 'd-1', site: null });
});

test.each([
  ['no JSON', Buffer.from('{"ts":'), 'NOT_JSON'],
  ['no object', Buffer.from('17'), 'NOT_JSON'],
  ['nothing', null, 'NOT_JSON'],
  ['not what the topic holds', request(1, { status: 'ok' }), 'INVALID'],
  ['a time before there was one', request(1, { ts: 1 }), 'INVALID'],
])('%s becomes a dead letter with its origin, and the stream goes on', (_, value, code) => {
  const bench = new Bench(compile(web));
  bench.send('web.requests', request(0), { key: '0' });
  bench.send('web.requests', value, { key: '0' });
  const [letter] = bench.take<DeadLetter>('dead-letters');
  expect(letter).toMatchObject({
    code,
    origin: expect.stringMatching(/^web\.requests\/\d@1$/),
    ts: expect.any(Number),
  });
  bench.send('web.requests', request(2), { key: '0' });
  expect(bench.take('hub.web.by-path').length).toBeGreaterThanOrEqual(2);
});

test('a function that throws costs only its record', () => {
  const plan = from<{ path: string }>(TOPICS.webRequests)
    .map((value) => {
      if (value.path === '/bad') throw new Error('bad path');
      return value;
    })
    .into(TOPICS.anomalies);
  const bench = new Bench(compile(job('test', plan)));
  for (const path of ['/a', '/bad', '/c']) bench.send('web.requests', request(1, { path }), { key: 'k' });
  expect(bench.take('anomalies')).toHaveLength(2);
  expect(bench.take('dead-letters')).toMatchObject([{ code: 'JOB_FAILED', reason: 'bad path' }]);
});

test('a function that changes its state and then throws has changed it, also for the next owner of the task', () => {
  const plan = from<{ status: number }>(TOPICS.webRequests).process<{ seen: number }>({
    version: 1,
    series: field('clientIp'),
    outputs: [TOPICS.anomalies],
    init: () => ({ seen: 0 }),
    step(state, { status }, _ts, { emit }) {
      state.seen++;
      if (status === 500) throw new Error('bad status');
      emit(TOPICS.anomalies, 'k', { seen: state.seen });
      return state;
    },
  });
  const [step] = compile(job('test', plan));
  const seen = (dies: boolean) => {
    const lives = new Lives(step!);
    for (const status of [200, 500, 200, 500, 500, 200]) {
      lives.process('web.requests', request(1, { status }), { key: 'k', appendedAt: T });
      if (dies) lives.restart();
    }
    return lives.takeAll().get('anomalies');
  };
  expect(seen(true)).toEqual(seen(false));
});

test('a part of a record that a function gives back is its own, whoever else still holds it', () => {
  const left = from<{ id: number }>(TOPICS.readings, { trusted: true });
  const right = from<{ id: number }>({ ...TOPICS.readings, name: TOPICS.traffic.name }, { trusted: true });
  const pairs = left.join(right, { as: ['left', 'right'], type: 'inner', beforeMs: 0, afterMs: 0 });
  const lefts = pairs.map((pair) => pair.left).derive({ tag: literal('x') });
  const rights = pairs.flatMap((pair) => [pair.right]).joinTable(TOPICS.devices, 'info');
  const bench = new Bench(
    compile(job('test', [pairs.into(TOPICS.anomalies), lefts.into(TOPICS.alerts), rights.into(TOPICS.health)])),
  );
  for (const [topic, id] of [
    ['iot.readings', 1],
    ['traffic.flow', 2],
    ['traffic.flow', 3],
  ] as const)
    bench.send(topic, { id, ts: T }, { key: 'k' });
  const of = (id: number) => ({ id, ts: T });
  expect(bench.take('anomalies')).toEqual([
    { left: of(1), right: of(2) },
    { left: of(1), right: of(3) },
  ]);
  expect(bench.take('alerts')).toEqual([1, 1].map((id) => ({ ...of(id), tag: 'x' })));
  expect(bench.take('platform.health')).toEqual([2, 3].map((id) => ({ ...of(id), info: null })));
});

test('a dead letter that a job fails on makes no further one', () => {
  const plan = from<DeadLetter>(TOPICS.deadLetters)
    .map((): object => {
      throw new Error('no');
    })
    .into(TOPICS.anomalies);
  const bench = new Bench(compile(job('test', plan)));
  bench.send('dead-letters', { origin: 'x', code: 'x', reason: '', bytes: '', ts: T }, { key: 'x' });
  bench.send('dead-letters', { origin: 'x' }, { key: 'x' });
  expect(bench.take('dead-letters')).toEqual([]);
});

test('a record with something that cannot be added up counts nowhere', () => {
  const plan = from<{ amount: string }>(TOPICS.webRequests, { trusted: true }).windows({
    by: { ip: field('clientIp') },
    sizes: [{ ms: SECOND, to: TOPICS.webRequests10s }],
    select: { count: count(), sum: sumDecimal(field('amount')) },
  });
  const bench = new Bench(compile(job('test', plan)));
  for (const amount of ['1.5', 'much', '2.5']) bench.send('web.requests', request(1, { amount }), { key: 'k' });
  bench.send('web.requests', request(100, { amount: '1' }), { key: 'k' });
  expect(bench.take('dead-letters')).toMatchObject([
    { code: 'JOB_FAILED', reason: expect.stringContaining('Invalid number') },
  ]);
  expect(bench.take('web.requests.10s')).toMatchObject([{ count: 2, sum: '4' }]);
});

test('a value that cannot be made into a text otherwise counts as its JSON, and not for one aggregate only', () => {
  const plan = from<{ x: object }>(TOPICS.webRequests, { trusted: true }).windows({
    by: { ip: field('clientIp') },
    sizes: [{ ms: SECOND, to: TOPICS.webRequests10s }],
    select: { count: count(), different: distinct(field('x')), last: last(field('x')), often: top(field('x'), 1) },
  });
  const lives = new Lives(compile(job('test', plan))[0]!);
  const odd = { toString: 'a', valueOf: 1 };
  for (const x of [odd, 5, odd, { ...odd, more: true }])
    lives.process('web.requests', request(1, { x }), { key: 'k', appendedAt: T, offset: 0 });
  lives.restart();
  lives.process('web.requests', request(100, { x: '' }), { key: 'k', appendedAt: T + 100 * SECOND });
  const out = lives.takeAll();
  expect(out.get('dead-letters')).toBeUndefined();
  expect(out.get('web.requests.10s')).toMatchObject([
    { count: 4, different: 3, last: odd, often: [{ value: JSON.stringify(odd), count: 2 }] },
  ]);
});

test('a process that emits what Kafka would refuse costs only its record', () => {
  const plan = from<{ path: string }>(TOPICS.webRequests).process<object>({
    version: 1,
    series: field('path'),
    outputs: [TOPICS.anomalies],
    init: () => ({}),
    step(state, { path }, _ts, { emit }) {
      // Files of jobs are run without looking at their types.
      if (path === '/number') emit(TOPICS.anomalies, 7 as unknown as string, {});
      if (path === '/elsewhere') emit(TOPICS.alerts, path, {});
      emit(TOPICS.anomalies, path, {});
      return state;
    },
  });
  const bench = new Bench(compile(job('test', plan)));
  for (const path of ['/a', '/number', '/elsewhere', '/c'])
    bench.send('web.requests', request(1, { path }), { key: 'k' });
  expect(bench.take('anomalies')).toHaveLength(2);
  expect(bench.take('dead-letters')).toMatchObject([
    { code: 'JOB_FAILED', reason: 'it emits to anomalies with a key that is no text: 7' },
    { code: 'JOB_FAILED', reason: 'it emits to alerts, which is not among the outputs that it declares' },
  ]);
});

test('a result larger than Kafka takes is a dead letter, and late or under another key no different', () => {
  const sized = from<{ path: string; n: number }>(TOPICS.webRequests, { trusted: true });
  const bench = new Bench(
    compile(
      job('test', [
        sized.map(({ path, n }) => ({ path: path.repeat(n) })).into(TOPICS.anomalies),
        sized.keyBy('ip', field('clientIp')).into(TOPICS.alerts),
        sized.windows({
          by: { ip: field('clientIp') },
          sizes: [{ ms: SECOND, to: TOPICS.webRequests10s }],
          select: { count: count() },
          rememberMs: 0,
          graceMs: 0,
        }),
      ]),
    ),
  );
  const large = 'x'.repeat(1_000_000);
  bench.send('web.requests', request(1, { path: '/', n: 1_000_000 }), { key: 'k' });
  bench.send('web.requests', request(2, { path: large, n: 1 }), { key: 'k' });
  bench.send('web.requests', request(100, { path: '/', n: 1 }), { key: 'k' });
  bench.send('web.requests', request(1, { path: large.slice(0, 800_000), n: 1 }), { key: 'k' });
  const letters = bench.take<DeadLetter>('dead-letters');
  expect(letters.map(({ code, origin }) => `${code} ${origin}`)).toEqual([
    'RESULT_TOO_LARGE test:anomalies',
    'RESULT_TOO_LARGE test:anomalies',
    'RESULT_TOO_LARGE test:hub.test.by-ip',
    'RESULT_TOO_LARGE test:late',
  ]);
  for (const letter of letters) expect(() => TOPICS.deadLetters.schema!.parse(letter)).not.toThrow();
  expect(letters[0]!.reason).toBe('what is to go to anomalies has 1000014 bytes; Kafka takes at most 1000000');
  expect(bench.take('anomalies')).toHaveLength(2);
});

test('a record without key is joined with no row, not with the row whose key is empty', () => {
  const plan = from(TOPICS.readings, { trusted: true }).joinTable(TOPICS.devices, 'info').into(TOPICS.anomalies);
  const bench = new Bench(compile(job('test', plan)));
  bench.send('devices', { id: 'd', site: 's', type: 't' }, { key: '' });
  for (const key of [null, '']) bench.send('iot.readings', { ts: T }, { key });
  expect(bench.take('anomalies')).toMatchObject([{ info: null }, { info: { id: 'd' } }]);
});

test('flows that were merged go on as one, and a process keeps a state for each series', () => {
  const counted = merge(
    from<{ ts: number }>(TOPICS.webRequests).map((_, { topic }) => ({ topic })),
    from<{ ts: number }>(TOPICS.weather).map((_, { topic }) => ({ topic })),
  )
    .keyBy('topic', field('topic'), { partitions: 1 })
    .process<{ n: number }>({
      version: 1,
      series: field('topic'),
      outputs: [TOPICS.alerts],
      init: () => ({ n: 0 }),
      step: ({ n }, _, __, { emit, series }) => {
        emit(TOPICS.alerts, series, { series, n: n + 1 });
        return n === 2 ? undefined : { n: n + 1 };
      },
      tick: (state, now) => (now === T ? { n: 0 } : state),
    });
  const bench = new Bench(compile(job('test', counted)));
  const weather = { place: 'p', provider: 'x', temperature: 1, ts: T };
  for (let i = 0; i < 4; i++) bench.send('web.requests', request(i), { key: `${i}` });
  bench.restart();
  bench.send('weather.observations', weather, { key: 'p' });
  bench.send('weather.observations', weather, { key: 'p' });
  bench.tick(T);
  bench.send('weather.observations', weather, { key: 'p' });
  expect(bench.take<{ series: string; n: number }>('alerts').map(({ series, n }) => `${series} ${n}`)).toEqual([
    'web.requests 1',
    'web.requests 2',
    'web.requests 3',
    'web.requests 1',
    'weather.observations 1',
    'weather.observations 2',
    'weather.observations 1',
  ]);
});
