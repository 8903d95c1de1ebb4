import { expect, test } from 'vitest';
import { openMetrics } from '../../health/index.ts';
import { influxPart } from './metrics.ts';
import type { InfluxSinkStatus } from './sink.ts';

const status: InfluxSinkStatus = {
  state: 'ready',
  detail: '',
  lag: 1,
  points: 2,
  writes: 3,
  retries: 4,
  deadLetters: { CARDINALITY: 5 },
  turnedAway: 6,
  expired: 7,
  missed: { 'iot.readings': 8 },
};

test('the sinks of a hub are told together', async () => {
  const metrics = openMetrics();
  metrics.add(influxPart(() => [status, { ...status, state: 'failed', deadLetters: {}, missed: { 'own.rooms': 9 } }]));
  const lines = (await metrics.render()).split('\n').filter((line) => line.startsWith('headwater_'));
  expect(lines.map((line) => line.replace('headwater_hub_influx_', ''))).toEqual([
    'up 0',
    'points_total 4',
    'writes_total 6',
    'retries_total 8',
    'lag_records 2',
    'dead_letters_total{code="CARDINALITY"} 5',
    'series_refused_points_total 12',
    'expired_points_total 14',
    'missed_offsets_total{topic="iot.readings"} 8',
    'missed_offsets_total{topic="own.rooms"} 9',
  ]);
});
