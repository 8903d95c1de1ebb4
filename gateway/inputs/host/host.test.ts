import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { METRICS } from '../../../contract/index.ts';
import { readHost } from './input.ts';

test('tells load, memory and disk of this machine, each within its metric’s range', async () => {
  const values = await readHost(tmpdir());
  expect(Object.keys(values)).toEqual(expect.arrayContaining(['cpu.load', 'memory.used', 'disk.used']));
  for (const [metric, value] of Object.entries(values)) {
    expect(value).toBeGreaterThanOrEqual(METRICS[metric]!.min);
    expect(value).toBeLessThanOrEqual(METRICS[metric]!.max);
  }
});
