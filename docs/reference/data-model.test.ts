import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DOWNSAMPLED, linesOf, MEASUREMENTS, measurementsTable } from '../../hub/sinks/index.ts';
import { wantsInfluxDb } from '../../infra/local/index.ts';
import { openInfluxBed } from '../../test/support/influx.ts';

const page = readFileSync(new URL('./data-model.md', import.meta.url), 'utf8');

test('the table of measurements is that of the code', () => {
  expect(page).toContain(measurementsTable());
  for (const { to } of DOWNSAMPLED) expect(page).toContain(`\`${to}\``);
});

test.runIf(wantsInfluxDb())('every example runs on a real InfluxDB and finds something', async () => {
  const bed = await openInfluxBed();
  try {
    const now = Date.now() - 60_000;
    const device = { device: 'dev-1', gateway: 'gw-1', site: 'home', metric: 'temperature', unit: 'Cel' };
    const window = { windowStart: now, windowEnd: now + 60_000, revision: 0, count: 60, series: 's' };
    const values = { mean: 21, min: 20, max: 22 };
    const records: Record<string, object> = {
      'iot.readings': { ...device, value: 21, ts: now, receivedAt: now },
      'iot.readings.1m': { ...device, ...window, ...values, type: null },
      'web.requests.1m': { ...window, path: '/', errorShare: 0.5, p50: 1, p95: 2, p99: 3 },
      gateways: { gateway: 'gw-1', site: 'home', ts: now, backlog: { readings: 3, bytes: 9, oldestTs: null } },
      'platform.lag': { process: 'hub-1', ts: now, lag: { 'hub.intake/iot.raw': 7 } },
      anomalies: { id: 'a', source: 'readings', series: 's', ts: now, value: 1, expected: 2, score: 0.9, reason: 'r' },
    };
    for (const measurement of MEASUREMENTS) {
      const record = records[measurement.name];
      if (record === undefined) continue;
      for (const { bucket, text } of linesOf(measurement)(record as Record<string, unknown>)) await write(bucket, text);
    }
    await write('results-1h', `iot.readings.1h,device=dev-1,metric=temperature mean=21 ${now}`);
    const examples = [...page.matchAll(/```flux\n(.*?)```/gs)].map(([, flux]) => flux!);
    expect(examples.length).toBeGreaterThan(5);
    for (const flux of examples) expect(await bed.query(flux), flux).not.toEqual([]);
  } finally {
    await bed.close();
  }

  async function write(bucket: string, line: string): Promise<void> {
    const answer = await fetch(`${bed.influx.url}/api/v2/write?org=headwater&bucket=${bucket}&precision=ms`, {
      method: 'POST',
      headers: { authorization: `Token ${bed.influx.token}` },
      body: line,
    });
    expect(answer.status, line).toBe(204);
  }
});
