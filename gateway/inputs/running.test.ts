import { expect, test } from 'vitest';
import type { InputPlan } from './plan.ts';
import { RunningInputs } from './running.ts';

test('how messages are read changes when the old inputs are closed, and before a new one is open', async () => {
  const order: string[] = [];
  const plan = (name: string): InputPlan => ({
    ...{ at: name, key: name, fixed: {}, files: [] },
    load: async () => ({
      open: () => ({
        name,
        start: async () => void order.push(`${name} opened`),
        status: () => ({ state: 'ok', detail: '', messages: 0, lost: 0 }),
        close: async () => void order.push(`${name} closed`),
      }),
    }),
  });
  const inputs = new RunningInputs(() => ({ id: undefined, outcome: Promise.resolve('stored'), size: 0 }));
  await inputs.start([plan('old')]);
  await inputs.apply(
    [plan('new')],
    () => void order.push('files read'),
    () => void order.push('rules changed'),
  );
  expect(order).toEqual(['old opened', 'files read', 'old closed', 'rules changed', 'new opened']);
});
