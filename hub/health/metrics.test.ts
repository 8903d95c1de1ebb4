import { execFile } from 'node:child_process';
import { expect, test } from 'vitest';
import { type MetricsPart, openMetrics } from './metrics.ts';

const part = (tell: MetricsPart['tell']): MetricsPart => ({
  families: [
    { name: 'headwater_hub_things_total', type: 'counter', help: 'Things done.', labels: ['step'] },
    { name: 'headwater_hub_size_bytes', type: 'gauge', help: 'Size of it.' },
    { name: 'headwater_hub_delay_seconds', type: 'histogram', help: 'Delay of each.' },
  ],
  tell,
});
const ours = (text: string) => text.split('\n').filter((line) => line.startsWith('headwater_'));

test('a part tells its totals at each scrape; what it no longer tells is gone', async () => {
  const metrics = openMetrics();
  let steps = [
    ['a', 3],
    ['b', 4],
  ] as [string, number][];
  metrics.add(
    part((tell) => {
      for (const [step, count] of steps) tell('headwater_hub_things_total', count, { step });
      tell('headwater_hub_size_bytes', undefined);
    }),
  );
  expect(ours(await metrics.render())).toEqual([
    'headwater_hub_things_total{step="a"} 3',
    'headwater_hub_things_total{step="b"} 4',
  ]);
  steps = [['a', 5]];
  expect(ours(await metrics.render())[0]).toBe('headwater_hub_things_total{step="a"} 5');
  expect(await metrics.render()).not.toContain('step="b"');
});

test('a histogram is told as it was counted, and everything is as promtool wants it', async () => {
  const metrics = openMetrics();
  metrics.add(
    part((tell) => {
      tell('headwater_hub_delay_seconds', {
        atMost: [
          [0.1, 2],
          [1, 5],
        ],
        count: 6,
        sum: 4.5,
      });
    }),
  );
  const text = await metrics.render();
  expect(ours(text)).toEqual([
    'headwater_hub_delay_seconds_bucket{le="0.1"} 2',
    'headwater_hub_delay_seconds_bucket{le="1"} 5',
    'headwater_hub_delay_seconds_bucket{le="+Inf"} 6',
    'headwater_hub_delay_seconds_sum 4.5',
    'headwater_hub_delay_seconds_count 6',
  ]);
  expect(await promtool(text)).toBe('');
});

function promtool(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile('promtool', ['check', 'metrics'], (error, stdout, stderr) =>
      error && error.code === undefined ? reject(error) : resolve(stdout + stderr),
    );
    child.stdin!.end(text);
  });
}
