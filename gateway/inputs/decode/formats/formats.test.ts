import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { parseConfig } from '../../../../contract/index.ts';
import { GatewayConfig } from '../../../config/index.ts';
import type { Parsed } from '../parsed.ts';
import { foreignParser } from './formats.ts';

/** The parser of formats written as in a configuration. */
function parserOf(formats: string) {
  const text = JSON.stringify({
    gateway: { id: 'g', site: 's' },
    buffer: { dir: 'd' },
    kafka: { brokers: ['k:1'], caFile: 'c', passwordFile: 'p' },
    inputs: { mqtt: { anonymous: true, formats: parseYaml(formats) } },
  });
  const config = parseConfig(GatewayConfig, { text, file: 'gateway.yaml', env: {}, prefix: 'X' });
  const parse = foreignParser(config.inputs.mqtt!.formats);
  return (topic: string, payload: string | Buffer) => parse(topic, Buffer.from(payload as string));
}

/** What came out, short: `device metric value unit`, and problems by their codes. */
const brief = (parsed: readonly Parsed[] | undefined) =>
  parsed?.flatMap(({ device, values, problems, ts }) => [
    ...values.map(
      ({ metric, value, unit }) => `${device} ${metric} ${value} ${unit}${ts === undefined ? '' : ` @${ts}`}`,
    ),
    ...problems.map(({ code }) => code),
  ]);

test('the first format whose topic matches is taken, and none where none matches', () => {
  const parse = parserOf(`
    - { topic: 'a/{device}/raw', format: json }
    - { topic: 'a/{device}/{metric}', format: number, unit: bar }
  `);
  expect(brief(parse('a/d/raw', '{"x":1}'))).toEqual(['d x 1 1']);
  expect(brief(parse('a/d/p', ' 1.5 '))).toEqual(['d p 1.5 bar']);
  expect(parse('devices/d/p', '1')).toBeUndefined();
});

describe('number', () => {
  const parse = parserOf("[{ topic: 's/{device}/{metric}', format: number }]");
  test.each([
    ['s/d/temperature', '-21.5', ['d temperature -21.5 Cel']],
    ['s/d/flow', '1e3', ['d flow 1000 1']],
    ['s/d/flow', '.5', ['d flow 0.5 1']],
    ['s/d/flow', '1e999', ['VALUE_OUT_OF_RANGE']],
    ['s/d/flow', '', ['VALUE_NOT_A_NUMBER']],
    ['s/d/flow', 'on', ['VALUE_NOT_A_NUMBER']],
    ['s/d/flow', '0x10', ['VALUE_NOT_A_NUMBER']],
    ['s//flow', '1', ['DEVICE_INVALID']],
    ['s/d/', '1', ['METRIC_INVALID']],
  ])('%s %j', (topic, payload, expected) => {
    expect(brief(parse(topic, payload))).toEqual(expected);
  });
});

describe('json', () => {
  test('takes every number, levels joined, and ignores texts, booleans and null', () => {
    const parse = parserOf("[{ topic: 'p/{device}', format: json, units: { wind.speed: m/s } }]");
    const payload = '{"temperature":21,"wind":{"speed":3,"from":"NW","gusts":[4,5]},"ok":true,"next":null}';
    expect(brief(parse('p/d', payload))).toEqual([
      'd temperature 21 Cel',
      'd wind.speed 3 m/s',
      'd wind.gusts.0 4 1',
      'd wind.gusts.1 5 1',
    ]);
  });

  test('takes declared fields, the time and the device from the payload', () => {
    const parse = parserOf(
      `[{ topic: 'p/#', format: json, values: [data.t, data.on], device: id, booleans: true, time: { field: at, unit: s } }]`,
    );
    expect(brief(parse('p/x', '{"id":17,"at":1700000000.25,"data":{"t":1,"on":true,"other":2}}'))).toEqual([
      '17 data.t 1 1 @1700000000250',
      '17 data.on 1 1 @1700000000250',
    ]);
    expect(brief(parse('p/x', '{"id":17,"at":1,"data":{"t":"1"}}'))).toEqual(['VALUE_NOT_A_NUMBER']);
    expect(brief(parse('p/x', '{"id":17,"at":1,"data":{}}'))).toEqual(['NO_VALUES']);
    expect(brief(parse('p/x', '{"id":17,"data":{"t":1}}'))).toEqual(['TIME_INVALID']);
    expect(brief(parse('p/x', '{"at":1,"data":{"t":1}}'))).toEqual(['DEVICE_INVALID']);
  });

  test('takes the metric from the topic, alone or before the field', () => {
    const one = parserOf("[{ topic: '{device}/{metric}', format: json, values: [value] }]");
    expect(brief(one('d/flow', '{"value":2,"quality":1}'))).toEqual(['d flow 2 1']);
    const all = parserOf("[{ topic: '{device}/{metric}', format: json, separator: '_' }]");
    expect(brief(all('d/flow', '{"value":2,"q":{"x":1}}'))).toEqual(['d flow_value 2 1', 'd flow_q_x 1 1']);
  });

  test.each([
    ['iso', '"2026-11-22T20:00:00.5+01:00"', 1_795_374_000_500],
    ['iso', '"2026-11-22T20:00:00Z"', 1_795_377_600_000],
    ['iso', '"2028-02-29 23:30:00-0100"', 1_835_483_400_000],
    ['ms', '1795377600000', 1_795_377_600_000],
    ['us', '1795377600000123', 1_795_377_600_000],
    ['ns', '"1795377600000123456"', 1_795_377_600_000],
  ])('reads a time in %s: %s', (unit, time, ts) => {
    const parse = parserOf(`[{ topic: '{device}', format: json, values: [x], time: { field: t, unit: ${unit} } }]`);
    expect(parse('d', `{"x":1,"t":${time}}`)?.[0]?.ts).toBe(ts);
  });

  test.each([
    ['"2026-11-22T20:00:00"'],
    ['"2026-02-30T20:00:00Z"'],
    ['"2027-02-29 20:00Z"'],
    ['"yesterday"'],
    ['5'],
    ['null'],
    ['1e300'],
  ])('refuses %s as ISO time', (time) => {
    const parse = parserOf("[{ topic: '{device}', format: json, time: { field: t, unit: iso } }]");
    expect(brief(parse('d', `{"x":1,"t":${time}}`))).toEqual(['TIME_INVALID']);
  });
});

describe('csv', () => {
  const parse = parserOf(`
    - topic: log/#
      format: csv
      columns: [at, who, temperature, _, flow]
      separator: ;
      device: who
      time: { column: at, unit: s }
      units: { flow: L/min }
  `);
  test('takes each line as a message of its own; an empty field was not measured', () => {
    expect(brief(parse('log/x', '10;d1;21.5;junk;3\r\n20;"d;2";;;4\n'))).toEqual([
      'd1 temperature 21.5 Cel @10000',
      'd1 flow 3 L/min @10000',
      expect.stringMatching(/^d_2_[0-9a-f]{10} flow 4 L\/min @20000$/),
    ]);
  });
  test.each([
    ['10;d;1;x', ['CSV_COLUMNS']],
    ['10;"d;1;x;2', ['CSV_QUOTES']],
    ['10;d;"2"1.5;;2', ['CSV_QUOTES']],
    ['10;d;;;', ['NO_VALUES']],
    ['10;;1;;2', ['DEVICE_INVALID']],
    ['now;d;1;;2', ['TIME_INVALID']],
    ['10;d;warm;;2', ['d flow 2 L/min @10000', 'VALUE_NOT_A_NUMBER']],
    ['', ['CSV_EMPTY']],
  ])('%j gives %j', (payload, expected) => {
    expect(brief(parse('log/x', payload))).toEqual(expected);
  });
});

describe('influx', () => {
  test('each field is a metric, each line a message; texts are ignored', () => {
    const parse = parserOf("[{ topic: 'influx/#', format: influx, device: host, units: { cpu.idle: '%' } }]");
    const payload = '# comment\ncpu,host=a idle=91.5,mode="x",busy=t 1795377600000000000\n\nmem,host=b used=7i\n';
    expect(brief(parse('influx/x', payload))).toEqual(['a cpu.idle 91.5 % @1795377600000', 'b mem.used 7 1']);
  });
  test('declared tags tell series apart, and a bad line harms no other', () => {
    const parse = parserOf("[{ topic: 'i/{device}', format: influx, tags: [cpu], precision: s, booleans: true }]");
    const payload = 'cpu,cpu=cpu0,host=h idle=1 10\ncpu,cpu=cpu1 idle=2,on=f 10\nbad line\ncpu idle=3 10';
    expect(brief(parse('i/d', payload))).toEqual([
      'd cpu.cpu0.idle 1 1 @10000',
      'd cpu.cpu1.idle 2 1 @10000',
      'd cpu.cpu1.on 0 1 @10000',
      'LINE_PROTOCOL',
      'd cpu.idle 3 1 @10000',
    ]);
  });
  test('a line without the device tag is refused, and of many faults only the first are told one by one', () => {
    const parse = parserOf("[{ topic: 'influx/#', format: influx, device: host }]");
    expect(brief(parse('influx/x', 'cpu idle=1'))).toEqual(['DEVICE_INVALID']);
    const problems = parse('influx/x', 'no\n'.repeat(1_000))!.flatMap((its) => its.problems);
    expect(problems).toHaveLength(4);
    expect(problems.find(({ code }) => code === 'MORE_PROBLEMS')?.reason).toContain('997 more');
  });
});

test('two devices that look alike stay two', () => {
  const parse = parserOf("[{ topic: 'z/{device#}', format: json }]");
  const names = ['kitchen/light', 'kitchen.light', 'kitchen light', 'kitchen_light', 'Kitchen/light'].map(
    (device) => parse(`z/${device}`, '{"x":1}')?.[0]?.device,
  );
  expect(new Set(names).size).toBe(5);
});

test('no payload makes a format throw or hang, and every message gives something or is ignored', () => {
  const parse = parserOf(`
    - { topic: 'number/{device}/{metric}', format: number }
    - { topic: 'json/{device}', format: json, booleans: true }
    - { topic: 'time/{device}', format: json, values: [a, b.c], time: { field: t, unit: iso } }
    - { topic: 'csv/{device}', format: csv, columns: [a, b, t], time: { column: t, unit: ms } }
    - { topic: 'influx/#', format: influx, device: host }
    - { topic: 'tele/{device}/{path#}', format: tasmota }
    - { format: zigbee2mqtt }
    - { format: shelly }
  `);
  const topic = fc.constantFrom(
    ...['number/d/m', 'json/d', 'time/d', 'csv/d', 'influx/x', 'tele/d/SENSOR', 'tele/d/STATE', 'zigbee2mqtt/a/b'],
    ...['shellies/s/relay/0/power', 's/status/switch:0', 's/events/rpc', 's/online'],
  );
  const nearly = fc
    .array(
      fc.constantFrom(
        ...[
          '{',
          '}',
          '[',
          ']',
          '"',
          ':',
          ',',
          '=',
          ' ',
          '\n',
          '\\',
          'a',
          'b',
          't',
          'id',
          'host',
          '1',
          '-',
          '.',
          'e9',
          'i',
          'u',
        ],
        ...[
          'null',
          'true',
          '"a":1',
          '"t":"2026-01-01T00:00:00Z"',
          'm,host=h a=1',
          '"__proto__"',
          '"method":"NotifyStatus"',
          '"params":{',
        ],
      ),
      { maxLength: 40 },
    )
    .map((parts) => parts.join(''));
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
    nearly.map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(topic, payload, (topic, payload) => {
      for (const { device, values, problems } of parse(topic, payload)!) {
        expect(values.length + problems.length).toBeGreaterThan(0);
        if (values.length > 0) expect(device).toMatch(/^[A-Za-z0-9]/);
      }
    }),
    { numRuns: 3_000 },
  );
  // What could make a careless expression go back over it again and again.
  const long = [
    '1'.repeat(65_000),
    '['.repeat(65_000),
    '\\'.repeat(65_000),
    '"a'.repeat(32_000),
    'a=1,'.repeat(16_000),
    ' '.repeat(65_000),
  ];
  const deep = `${'['.repeat(32_000)}${']'.repeat(32_000)}`;
  for (const [place, text] of [
    ['time/d', `{"a":${deep}}`],
    ['time/d', `{"a":1,"t":${deep}}`],
    ['json/d', `{"a":${deep}}`],
    ['s/events/rpc', `{"method":"NotifyStatus","params":${deep}}`],
  ]) {
    expect(parse(place!, text!)).toBeDefined();
  }
  for (const text of long) {
    for (const place of ['number/d/m', 'json/d', 'time/d', 'csv/d', 'influx/x', 'shellies/s/relay/0/power']) {
      expect(parse(place, text)).toBeDefined();
      expect(parse(place, `m ${text}x`)).toBeDefined();
    }
  }
});
