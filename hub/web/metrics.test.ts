import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Alert } from '../../contract/index.ts';
import { openMetrics } from '../health/index.ts';
import { openIntake, openStore } from '../sinks/index.ts';
import { createFrameBuilder } from './frames.ts';
import { webPart } from './metrics.ts';

test('alerts are counted by rule, severity and state, whatever a program of one’s own calls its rules', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-metrics-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const store = openStore({ file: join(dir, 'results.sqlite') });
  onTestFinished(() => store.close());
  const alert = (rule: string, series: string): Alert => ({
    ...{ id: `${rule}/${series}`, rule, series, state: 'firing', severity: 'info', summary: 's', value: null },
    ...{ since: Date.now(), ts: Date.now() },
  });
  const alerts = [alert('too hot', 'a'), alert('too cold', 'a'), alert('too cold', 'b'), alert('a "\\\n', 'a')];
  const records = alerts.map((value, offset) => ({
    ...{ key: null, headers: {}, partition: 0, offset, appendedAt: Date.now() },
    value: Buffer.from(JSON.stringify(value)),
  }));
  openIntake(store, Date.now, () => {}).accept({
    ...{ topic: 'alerts', partition: 0, records, from: 0, next: records.length, highWatermark: records.length },
  });
  const metrics = openMetrics();
  const feed = { state: () => ({ state: 'live', detail: '', records: 0, unreadable: 0 }) as const };
  metrics.add(webPart(store, feed, createFrameBuilder(), () => 0));
  const told = (await metrics.render()).split('\n').filter((line) => line.startsWith('headwater_platform_alerts{'));
  expect(told.sort()).toEqual([
    'headwater_platform_alerts{rule="a \\"\\\\\\n",severity="info",state="firing"} 1',
    'headwater_platform_alerts{rule="too cold",severity="info",state="firing"} 2',
    'headwater_platform_alerts{rule="too hot",severity="info",state="firing"} 1',
  ]);
});
