import { tmpdir } from 'node:os';
import { expect, test, vi } from 'vitest';
import { METRICS } from '../../../contract/index.ts';
import { hostInput, readHost } from './input.ts';

test('tells load, memory and disk of this machine, each within its metric’s range', async () => {
  const values = await readHost(tmpdir());
  expect(Object.keys(values)).toEqual(expect.arrayContaining(['cpu.load', 'memory.used', 'disk.used']));
  for (const [metric, value] of Object.entries(values)) {
    expect(value).toBeGreaterThanOrEqual(METRICS[metric]!.min);
    expect(value).toBeLessThanOrEqual(METRICS[metric]!.max);
  }
});

test('counts what a full buffer refuses as lost: it is kept nowhere else', async () => {
  const input = hostInput({ device: 'gw-host', everyMs: 20, diskDir: tmpdir() });
  await input.start(() => ({ id: undefined, outcome: Promise.resolve('refused'), size: 1 }));
  await vi.waitFor(() => expect(input.status().lost).toBeGreaterThan(1));
  await input.close();
});
