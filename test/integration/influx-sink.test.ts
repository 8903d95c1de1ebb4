import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DeadLetter, TOPICS, topic } from '../../contract/index.ts';
import { openMetrics } from '../../hub/health/index.ts';
import {
  INFLUX_OWN_GROUP,
  type InfluxSink,
  type InfluxSinkOptions,
  influxPart,
  MEASUREMENTS,
  ownMeasurements,
  startInfluxSink,
} from '../../hub/sinks/index.ts';
import { wantsInfluxDb } from '../../infra/local/index.ts';
import { count, field, from, job, mean } from '../../streams/core/index.ts';
import { type InfluxBed, openInfluxBed } from '../support/influx.ts';
import { expectedPoints, READINGS, reading, WINDOWS, windowRow } from '../support/influx-records.ts';
import { collect, openTestBed, send, type TestBed, until } from '../support/testbed.ts';

describe.runIf(wantsInfluxDb())('the InfluxDB sink, with a real Kafka and a real InfluxDB', () => {
  let bed: TestBed;
  let influx: InfluxBed;
  const told: string[] = [];

  beforeAll(async () => {
    [bed, influx] = await Promise.all([openTestBed(), openInfluxBed()]);
    const topics = new Set(MEASUREMENTS.map(({ topic }) => topic.name));
    await bed.createTopics([...topics, TOPICS.deadLetters.name]);
  });
  afterAll(async () => {
    await bed?.close();
    await influx?.close();
  });

  const start = (more: Partial<InfluxSinkOptions> = {}, settings = {}): InfluxSink =>
    startInfluxSink({
      kafka: bed.as('stores'),
      influx: influx.sink(settings),
      log: { info: () => {}, warn: (_, message) => void told.push(message) },
      ...more,
    });
  /** So many points or dead letters have come out of it, and it has nothing more to do. */
  const through = (sink: InfluxSink, count: number) =>
    until(`${count} points are stored`, 60, () => {
      const { points, deadLetters, lag } = sink.status();
      return points + Object.values(deadLetters).reduce((sum, n) => sum + n, 0) >= count && lag === 0;
    });
  const ours = (points: Map<string, string>, measurement: string) =>
    new Map([...points].filter(([key]) => key.startsWith(`${measurement},`)));

  test('what is sent is stored, point by point; of a revised window the last revision; and running again changes nothing', async () => {
    const readings = Array.from({ length: 5_000 }, (_, i) => reading(i));
    const windows = [0, 1, 2].flatMap((revision) => Array.from({ length: 400 }, (_, i) => windowRow(i, revision)));
    await send(bed, 'hub', READINGS, readings);
    await send(bed, 'hub', WINDOWS, windows);
    const sink = start();
    await through(sink, readings.length + windows.length);
    expect(sink.status()).toMatchObject({ state: 'ready', lag: 0, points: readings.length + windows.length });
    await sink.close();
    const stored = await influx.points('readings');
    expect(stored).toEqual(expectedPoints(READINGS, readings));
    const storedWindows = ours(await influx.points('results'), WINDOWS);
    expect(storedWindows).toEqual(expectedPoints(WINDOWS, windows));

    const again = start({ groupId: 'stores.again' });
    await through(again, readings.length + windows.length);
    await again.close();
    expect(await influx.points('readings')).toEqual(stored);
    expect(ours(await influx.points('results'), WINDOWS)).toEqual(storedWindows);
  });

  test('points that InfluxDB refuses, and records that are none, go to dead-letters with the reason, and the rest is stored', async () => {
    const letters = await collect(bed, TOPICS.deadLetters.name);
    // Somebody has written text where the sink writes numbers.
    const conflict = await fetch(`${influx.influx.url}/api/v2/write?org=headwater&bucket=results&precision=ms`, {
      method: 'POST',
      headers: { authorization: `Token ${influx.influx.token}` },
      body: `weather.observations,place=p,provider=x humidity="damp" ${Date.UTC(2026, 5, 1)}`,
    });
    expect(conflict.status).toBe(204);
    const weather = (i: number, more: object) => ({
      key: 'p',
      value: JSON.stringify({ place: `p${i}`, provider: 'x', temperature: i, ts: Date.UTC(2026, 5, 1, 0, i), ...more }),
    });
    const good = Array.from({ length: 30 }, (_, i) => weather(i, {}));
    const bad = [
      weather(31, { humidity: 40 }),
      weather(32, { ts: 9e15 }),
      { key: 'p', value: 'no JSON' },
      weather(33, { temperature: 'warm' }),
    ];
    const mixed = [...good.slice(0, 10), bad[0]!, bad[1]!, ...good.slice(10, 20), bad[2]!, bad[3]!, ...good.slice(20)];
    const sink = start();
    await send(bed, 'sources', TOPICS.weather.name, mixed);
    await through(sink, mixed.length);
    await sink.close();
    const found = (await letters.toEnd()).map(({ value }) => JSON.parse(String(value)) as DeadLetter);
    await letters.close();
    expect(found.map(({ code }) => code).sort()).toEqual([
      'INFLUX_REFUSED',
      'INFLUX_REFUSED',
      'POINT_UNREADABLE',
      'POINT_UNREADABLE',
    ]);
    const reasons = found.map(({ reason }) => reason).join('\n');
    expect(reasons).toContain('field type conflict');
    expect(reasons).toContain('time outside range');
    expect(reasons).toContain('temperature should be a number and is "warm"');
    expect(found.map(({ bytes }) => Buffer.from(bytes, 'base64').toString()).sort()).toEqual(
      bad.map(({ value }) => value).sort(),
    );
    expect(found.every(({ origin }) => /^weather\.observations\/\d@\d+$/.test(origin))).toBe(true);
    const stored = ours(await influx.points('results'), TOPICS.weather.name);
    for (const [key, value] of expectedPoints(TOPICS.weather.name, good)) expect(stored.get(key)).toBe(value);
  });

  test('whatever names and texts are made of, they are stored as they are; of names, what a line cannot hold as in an address', async () => {
    const T = Date.UTC(2026, 6, 1);
    const texts = [
      'a b,c=d',
      'say "no"',
      'back\\slash, and \\',
      'line\nbreak\r\n',
      '#',
      '$' + '{x}',
      'ä 漢 🌡',
      ' ',
      '"',
      '=',
      '\\"',
    ];
    const records = texts.map((text, i) => ({
      key: text,
      value: JSON.stringify({
        ...{ id: text, source: 'readings', series: text, ts: T + i, value: i, expected: null, score: 1 },
        ...{ reason: text, detector: 'adaptive' },
      }),
    }));
    await send(bed, 'hub', TOPICS.anomalies.name, records);
    const sink = start({ groupId: 'stores.hostile', topics: [TOPICS.anomalies.name] });
    await through(sink, texts.length);
    await sink.close();
    expect(sink.status().deadLetters).toEqual({});
    const rows = await influx.query(
      'from(bucket: "results") |> range(start: 2026-07-01T00:00:00Z, stop: 2026-07-02T00:00:00Z) |> filter(fn: (r) => r._measurement == "anomalies" and r._field == "reason")',
    );
    // An answer in CSV has its own ends of lines.
    const unix = (text: string) => text.replace(/\r?\n/g, '\n');
    const found = rows.map((row) => [Date.parse(row._time!) - T, row.series, unix(row._value!)]);
    const inTag = (text: string) =>
      text.replace(/[\p{Cc}\\]/gu, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
    expect(found.sort(([a], [b]) => Number(a) - Number(b))).toEqual(
      texts.map((text, i) => [i, inTag(text), unix(text)]),
    );
  });

  test('further series than allowed go to dead-letters, once each, with a warning that names the tag that grows', async () => {
    const letters = await collect(bed, TOPICS.deadLetters.name);
    const before = (await letters.toEnd()).length;
    const sink = start({ groupId: 'stores.guarded', topics: [TOPICS.webRequests1m.name] }, { maxSeries: 50 });
    const row = (i: number, at: number) => ({
      key: `/${i}`,
      value: JSON.stringify({
        series: `/${i}`,
        path: `/${i}`,
        windowStart: at,
        windowEnd: at + 60_000,
        revision: 0,
        count: 1,
        errorShare: 0,
        p50: null,
        p95: 3,
        p99: 4,
      }),
    });
    const rows = [0, 60_000].flatMap((at) => Array.from({ length: 80 }, (_, i) => row(i, at)));
    await send(bed, 'hub', TOPICS.webRequests1m.name, rows);
    await through(sink, 130);
    expect(sink.status()).toMatchObject({ turnedAway: 60, points: 100, deadLetters: { CARDINALITY: 30 } });
    await sink.close();
    expect((await letters.toEnd()).length - before).toBe(30);
    await letters.close();
    expect(told.filter((text) => text.includes('web.requests.1m has more than 50 series'))).toHaveLength(1);
    expect(told.join()).toContain('The tag path has 51 values');
    expect(ours(await influx.points('results'), TOPICS.webRequests1m.name).size).toBe(50 * 2 * 5);
  });

  test('windows of an own job are stored once their topic is there, with the same guard', async () => {
    const rooms = topic('own.rooms', 'series', 'Warmth of rooms');
    const windows = { by: { room: field('room') }, select: { count: count(), mean: mean(field('value')) } };
    const own = job('rooms', from(TOPICS.readings).windows({ ...windows, sizes: [{ ms: 10_000, to: rooms }] }));
    const measurements = ownMeasurements([own]);
    const sink = start({ groupId: INFLUX_OWN_GROUP, measurements }, { maxSeries: 5 });
    await until('it says what is missing', 60, () => sink.status().state === 'failed');
    await bed.createTopics([rooms.name]);
    const at = Date.UTC(2026, 5, 1);
    const rows = Array.from({ length: 8 }, (_, i) => {
      const row = { series: `room ${i}`, room: `room ${i}`, windowStart: at, windowEnd: at + 10_000, revision: 0 };
      return { key: row.series, value: JSON.stringify({ ...row, count: i, mean: i / 2 }) };
    });
    await send(bed, 'hub', rooms.name, rows);
    await through(sink, rows.length);
    expect(sink.status()).toMatchObject({ state: 'ready', points: 5, deadLetters: { CARDINALITY: 3 } });
    await sink.close();
    const stored = ours(await influx.points('results'), rooms.name);
    expect(stored.size).toBe(5 * 3);
    for (const [key, value] of stored) {
      const i = Number(/room=room (\d)/.exec(key)![1]);
      expect(value).toBe(String(key.includes(' mean ') ? i / 2 : key.includes(' count ') ? i : 0));
    }
  });

  test('what Kafka deleted while the sink was away is told: how much, of what, and where', async () => {
    const letters = await collect(bed, TOPICS.deadLetters.name);
    const before = (await letters.toEnd()).length;
    const topic = TOPICS.air.name;
    const groupId = 'stores.away';
    const air = (key: string, from: number, count: number) =>
      Array.from({ length: count }, (_, i) => ({
        key,
        value: JSON.stringify({
          parameter: 'pm25',
          provider: 'x',
          station: key,
          unit: 'ug/m3',
          value: from + i,
          ts: Date.UTC(2026, 5, 1, 0, from + i),
        }),
      }));
    // Two partitions: one goes on, in the other nothing comes any more.
    const [goesOn, quiet] = ['station-1', 'station-2'];
    await send(bed, 'sources', topic, [...air(goesOn, 0, 10), ...air(quiet, 0, 10)]);
    const first = start({ groupId, topics: [topic] });
    await through(first, 20);
    await first.close();
    expect(first.status().missed).toEqual({});
    const ends = await bed.admin.offsets(topic);
    const used = ends.filter(({ high }) => high > 0);
    expect(used).toHaveLength(2);

    await send(bed, 'sources', topic, [...air(goesOn, 10, 30), ...air(quiet, 10, 30)]);
    const [one, other] = (await bed.admin.offsets(topic)).filter(({ high }) => high > 0);
    await bed.admin.deleteRecords({ topic, partition: one!.partition, offset: one!.high });
    await bed.admin.deleteRecords({ topic, partition: other!.partition, offset: other!.high - 5 });
    const gone = one!.high - used[0]!.high + other!.high - 5 - used[1]!.high;
    expect(gone).toBe(55);

    const second = start({ groupId, topics: [topic] });
    await until('both are told', 60, () => second.status().missed[topic] === gone);
    await until('the rest is stored', 60, () => second.status().points === 5 && second.status().lag === 0);
    const metrics = openMetrics();
    metrics.add(influxPart(() => [second.status()]));
    expect(await metrics.render()).toContain(`headwater_hub_influx_missed_offsets_total{topic="${topic}"} ${gone}\n`);
    await second.close();
    expect(second.status().deadLetters).toEqual({ RECORDS_MISSED: 2 });
    expect(told.filter((text) => text.startsWith(`Kafka had deleted`))).toHaveLength(2);
    const found = (await letters.toEnd()).slice(before).map(({ value }) => JSON.parse(String(value)) as DeadLetter);
    await letters.close();
    expect(found.map(({ origin }) => origin).sort()).toEqual(
      used.map(({ partition, high }) => `${topic}/${partition}@${high}`).sort(),
    );

    // It was told once, and what is read from the position after it is no gap.
    const third = start({ groupId, topics: [topic] });
    await send(bed, 'sources', topic, air(goesOn, 40, 3));
    await through(third, 3);
    await third.close();
    expect(third.status().missed).toEqual({});
  });
});
