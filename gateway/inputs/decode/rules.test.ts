import { describe, expect, test } from 'vitest';
import { gateway, NOW } from './testing.ts';

describe('steps', () => {
  test.each([
    [
      'renames',
      '[{ match: { metric: t }, rename: { metric: temperature } }]',
      { t: 1, u: 2 },
      ['temperature 1 1', 'u 2 1'],
    ],
    [
      'renames with what was',
      '[{ rename: { device: "shed-{device}", metric: "{metric}.raw" } }]',
      { t: 1 },
      ['shed-d t.raw 1 1'],
    ],
    [
      'converts',
      '[{ match: { metric: temperature }, convert: { from: degF, to: Cel } }]',
      { temperature: 212 },
      ['temperature 100 Cel'],
    ],
    [
      'converts before it looks at the range',
      '[{ match: { metric: pressure }, convert: { from: Pa, to: hPa } }]',
      { pressure: 101_325 },
      ['pressure 1013.25 hPa'],
    ],
    ['scales', '[{ scale: { factor: 0.1, offset: -40, unit: Cel } }]', { t: 614 }, ['t 21.4 Cel']],
    ['drops by value', '[{ drop: { below: 0, above: 10, equals: 5 } }]', { a: -1, b: 5, c: 7, d: 11 }, ['c 7 1']],
    ['drops all that match', '[{ match: { metric: "debug.*" }, drop: {} }]', { 'debug.x': 1, y: 2 }, ['y 2 1']],
    [
      'matches by unit',
      '[{ match: { unit: "%" }, scale: { factor: 2 } }]',
      { humidity: 40, x: 40 },
      ['humidity 80 %', 'x 40 1'],
    ],
    [
      'goes in order',
      '[{ scale: { factor: 2 } }, { scale: { offset: 1 } }, { match: { metric: a }, rename: { metric: b } }]',
      { a: 3 },
      ['b 7 1'],
    ],
    [
      'refuses a value out of range after it',
      '[{ scale: { factor: 3 } }]',
      { humidity: 40, x: 1 },
      ['x 3 1', 'VALUE_OUT_OF_RANGE'],
    ],
    [
      'refuses a name that became too long',
      '[{ rename: { metric: "{metric}{metric}" } }]',
      { ['m'.repeat(40)]: 1 },
      ['METRIC_INVALID'],
    ],
  ])('%s', async (_name, transform, values, expected) => {
    const { send, kept } = gateway(transform);
    await send(values);
    expect(kept).toEqual(expected);
  });
});

describe('a deadband', () => {
  test('drops what has not changed by more, each series for itself', async () => {
    const { send, kept, counts } = gateway('[{ deadband: { absolute: 0.5 } }]');
    for (const t of [20, 20.5, 20.6, 20.2, 19.5]) await send({ t, u: 1 });
    expect(kept).toEqual(['t 20 1', 'u 1 1', 't 20.6 1', 't 19.5 1']);
    expect(counts()?.dropped).toEqual({ deadband: 6, rate_limit: 0, condition: 0 });
  });

  test('in percent, of the value kept last', async () => {
    const { send, kept } = gateway('[{ deadband: { percent: 10 } }]');
    for (const t of [100, 109, 111, 121, 0, 0, 0.001]) await send({ t });
    expect(kept).toEqual(['t 100 1', 't 111 1', 't 0 1', 't 0.001 1']);
  });

  test('keeps one after the longest silence, by the time of measurement', async () => {
    const { send, kept } = gateway('[{ deadband: { absolute: 1, maxSilence: 10s } }]');
    for (const at of [0, 5_000, 9_999, 10_000, 19_999, 20_000]) await send({ t: 20 }, { ts: NOW - 60_000 + at });
    expect(kept).toHaveLength(3);
  });

  test('never drops an alarm', async () => {
    const { send, kept } = gateway('[{ deadband: { absolute: 1 } }, { rateLimit: { every: 1h } }]');
    await send({ t: 20 });
    await send({ t: 20 }, { alarm: true });
    expect(kept).toEqual(['t 20 1', 't 20 1']);
  });
});

test('a rate limit goes by the time of measurement, so a stored hour is thinned and not swallowed', async () => {
  const { send, kept, counts } = gateway('[{ rateLimit: { every: 10s } }]');
  for (let at = 0; at < 60; at++) await send({ t: at }, { ts: NOW - 3_600_000 + at * 1_000 });
  expect(kept).toEqual([0, 10, 20, 30, 40, 50].map((at) => `t ${at} 1`));
  expect(counts()?.dropped.rate_limit).toBe(54);
});

test('a format and the transform work together, and what a format ignores is counted and acknowledged', async () => {
  const mqtt = { formats: [{ format: 'tasmota' }] };
  const { decoder, submit, kept, counts, submitted } = gateway(
    '[{ match: { metric: "*.Temperature" }, rename: { metric: temperature } }]',
    mqtt,
  );
  const send = (topic: string, payload: string) =>
    decoder.receive(
      { source: 'mqtt', topic, payload: Buffer.from(payload), packet: { client: 'c', packetId: 1, dup: false } },
      NOW,
      submit,
    );
  await send('tele/d/SENSOR', '{"DS18B20":{"Temperature":21.5},"TempUnit":"C"}').outcome;
  expect(await send('tele/d/LWT', 'Online').outcome).toBe('stored');
  await send('devices/d/flow', '2').outcome;
  expect(kept).toEqual(['temperature 21.5 Cel', 'flow 2 1']);
  expect(counts()?.ignored).toBe(1);
  expect(submitted).toHaveLength(2);
});

test('other inputs know nothing of it', async () => {
  const { decoder, submit, kept } = gateway('[{ drop: {} }]');
  await decoder.receive({ source: 'mqtt-client:x', topic: 'devices/d/x', payload: Buffer.from('1') }, NOW, submit)
    .outcome;
  expect(kept).toEqual(['x 1 1']);
});
