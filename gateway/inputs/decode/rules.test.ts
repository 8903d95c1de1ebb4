import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { parseConfig, type Reading, Rejected } from '../../../contract/index.ts';
import type { Outcome, Submission } from '../../buffer/index.ts';
import { GatewayConfig } from '../../config/index.ts';
import type { Message } from '../input.ts';
import { Decoder } from './decode.ts';
import { configuredRules } from './rules.ts';

const NOW = 1_800_000_000_000;

/** A decoder whose broker has this transform, and a buffer that answers when the test says so, or at once. */
function gateway(transform: string, mqtt: object = {}) {
  const text = JSON.stringify({
    gateway: { id: 'gw', site: 's' },
    buffer: { dir: 'd' },
    kafka: { brokers: ['k:1'], caFile: 'c', passwordFile: 'p' },
    inputs: { mqtt: { anonymous: true, transform: parseYaml(transform), ...mqtt } },
  });
  const config = parseConfig(GatewayConfig, { text, file: 'gateway.yaml', env: {}, prefix: 'X' });
  const decoder = new Decoder({ gateway: 'gw', site: 's', rules: configuredRules(config) });
  const submitted: { submission: Submission; answer: (outcome: Outcome) => void }[] = [];
  const kept: string[] = [];
  let packetId = 0;
  let answering: Outcome | undefined = 'stored';

  const submit = (submission: Submission): Promise<Outcome> => {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const answer = (outcome: Outcome) => {
      if (outcome === 'stored')
        kept.push(
          ...submission.entries.map(
            ({ kind, value }) => `${kind === 'reading' ? brief(value) : Rejected.parse(JSON.parse(value)).code}`,
          ),
        );
      resolve(outcome);
    };
    submitted.push({ submission, answer });
    if (answering) answer(answering);
    return promise;
  };
  const send = (values: object, more: { ts?: number; alarm?: boolean; dup?: number } = {}) => {
    const { dup, ...fields } = more;
    const message: Message = {
      source: 'mqtt',
      topic: 'devices/d',
      payload: Buffer.from(JSON.stringify({ values, ...fields })),
      packet: { client: 'c', packetId: dup ?? ++packetId, dup: dup !== undefined },
    };
    return decoder.receive(message, NOW, submit).outcome;
  };
  return {
    decoder,
    submit,
    send,
    kept,
    submitted,
    hold: () => {
      answering = undefined;
    },
    answerWith: (outcome: Outcome) => {
      answering = outcome;
    },
    counts: () => decoder.ruleCounts.mqtt,
  };
}

function brief(value: string): string {
  const { device, metric, value: number, unit } = JSON.parse(value) as Reading;
  return `${device === 'd' ? '' : `${device} `}${metric} ${number} ${unit}`;
}

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

describe('nothing is lost by what a transform remembers:', () => {
  const deadband = '[{ deadband: { absolute: 1 } }]';

  test('a refused message is not what the next one is compared with', async () => {
    const { send, kept, answerWith, counts } = gateway(deadband);
    await send({ t: 20 });
    answerWith('refused');
    expect(await send({ t: 30 })).toBe('refused');
    answerWith('stored');
    expect(await send({ t: 30 }, { dup: 2 })).toBe('stored');
    expect(kept).toEqual(['t 20 1', 't 30 1']);
    expect(counts()?.dropped.deadband).toBe(0);
  });

  test('a repeat that the buffer knows changes nothing', async () => {
    const { send, kept, answerWith } = gateway(deadband);
    await send({ t: 20 });
    await send({ t: 30 });
    answerWith('duplicate');
    await send({ t: 20 }, { dup: 1 });
    answerWith('stored');
    await send({ t: 30.5 });
    expect(kept).toEqual(['t 20 1', 't 30 1']);
  });

  test('a message of which all is dropped is stored with its id and nothing else', async () => {
    const { send, submitted } = gateway(deadband);
    await send({ t: 20 });
    await send({ t: 20 });
    expect(submitted[1]?.submission).toEqual({ entries: [], id: expect.objectContaining({ packetId: 2 }) });
  });

  test('one without an id does not need the disk', async () => {
    const { decoder, submitted } = gateway('[{ drop: {} }]');
    const message = { source: 'mqtt', topic: 'devices/d/x', payload: Buffer.from('1') };
    const submit = () => expect.fail('was submitted');
    expect(await decoder.receive(message, NOW, submit).outcome).toBe('stored');
    expect(submitted).toEqual([]);
    expect(decoder.ruleCounts.mqtt?.dropped.condition).toBe(1);
  });

  test('what is dropped for one under way waits for it, and is dropped when that is stored', async () => {
    const { send, kept, submitted, hold } = gateway(deadband);
    hold();
    const first = send({ t: 20 });
    const second = send({ t: 20.5 });
    expect(submitted).toHaveLength(1);
    submitted[0]!.answer('stored');
    await first;
    await Promise.resolve();
    await expect.poll(() => submitted.length).toBe(2);
    submitted[1]!.answer('stored');
    expect(await second).toBe('stored');
    expect(kept).toEqual(['t 20 1']);
  });

  test('and is kept when that is refused', async () => {
    const { send, kept, submitted, hold, answerWith } = gateway(deadband);
    hold();
    const first = send({ t: 20 });
    const second = send({ t: 20.5 });
    answerWith('stored');
    submitted[0]!.answer('refused');
    expect(await Promise.all([first, second])).toEqual(['refused', 'stored']);
    expect(kept).toEqual(['t 20.5 1']);
  });

  test('and is kept when that was a repeat of something older', async () => {
    const { send, kept, submitted, hold, answerWith } = gateway(deadband);
    await send({ t: 20 });
    await send({ t: 30 });
    hold();
    const repeat = send({ t: 20 }, { dup: 1 });
    const next = send({ t: 20.1 });
    answerWith('stored');
    submitted[2]!.answer('duplicate');
    expect(await Promise.all([repeat, next])).toEqual(['duplicate', 'stored']);
    expect(kept).toEqual(['t 20 1', 't 30 1', 't 20.1 1']);
  });

  test('and then counts on nothing that is still under way', async () => {
    const { send, kept, submitted, hold } = gateway(deadband);
    hold();
    const outcomes = [send({ t: 20 }), send({ t: 21 }), send({ t: 22 })];
    expect(submitted).toHaveLength(2);
    submitted[0]!.answer('refused');
    await expect.poll(() => submitted.length).toBe(3);
    submitted[1]!.answer('refused');
    submitted[2]!.answer('stored');
    expect(await Promise.all(outcomes)).toEqual(['refused', 'stored', 'refused']);
    expect(kept).toEqual(['t 21 1']);
  });

  test('messages that lean on each other crosswise all end', async () => {
    const { send, kept, submitted, hold, answerWith } = gateway(deadband);
    hold();
    const outcomes = [send({ a: 0, b: 0 }), send({ a: 1, b: 9 }), send({ a: 2, b: 9 })];
    answerWith('stored');
    submitted[0]!.answer('refused');
    expect(await Promise.all(outcomes)).toEqual(['refused', 'stored', 'stored']);
    expect(kept).toEqual(expect.arrayContaining(['a 1 1', 'b 9 1']));
  });

  test('whatever is refused and sent again, no change is missing in the end', async () => {
    const plan = fc.array(
      fc.record({
        t: fc.integer({ min: 0, max: 6 }),
        outcome: fc.constantFrom<Outcome>('stored', 'stored', 'refused'),
        together: fc.boolean(),
      }),
      { minLength: 1, maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(plan, async (steps) => {
        const { decoder, kept, submit } = gateway(deadband);
        let outcomes: Outcome[] = [];
        const answers = async (submission: Submission): Promise<Outcome> => {
          const outcome = outcomes.shift() ?? 'stored';
          await Promise.resolve();
          return outcome === 'refused' ? outcome : submit(submission);
        };
        const message = (t: number, packetId: number): Message => ({
          source: 'mqtt',
          topic: 'devices/d/t',
          payload: Buffer.from(`${t}`),
          packet: { client: 'c', packetId, dup: false },
        });
        let waiting: Promise<unknown>[] = [];
        for (const [at, { t, outcome, together }] of steps.entries()) {
          outcomes = [outcome];
          const sent = (async () => {
            // As a device does it: until it is acknowledged.
            while ((await decoder.receive(message(t, at + 1), NOW, answers).outcome) === 'refused');
          })();
          waiting.push(sent);
          if (!together) await Promise.all(waiting.splice(0));
        }
        await Promise.all(waiting);
        waiting = [];
        // Every value that was acknowledged is within the band of one that was stored.
        const stored = kept.map((line) => Number(line.split(' ')[1]));
        for (const { t } of steps) expect(stored.some((value) => Math.abs(value - t) <= 1)).toBe(true);
      }),
    );
  });
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
