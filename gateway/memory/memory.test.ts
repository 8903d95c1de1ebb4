import { afterEach, expect, test, vi } from 'vitest';
import { forgetStart } from './index.ts';

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('what the start left is collected once, as if memory had run out, when the program has come to rest', async () => {
  const gc = vi.fn();
  vi.stubGlobal('gc', gc);
  vi.useFakeTimers();
  forgetStart();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(gc).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(600_000);
  expect(gc.mock.calls).toEqual([[{ type: 'major', execution: 'sync', flavor: 'last-resort' }]]);
});

test('nothing is done where collecting was not allowed for', async () => {
  vi.stubGlobal('gc', undefined);
  vi.useFakeTimers();
  forgetStart();
  await vi.advanceTimersByTimeAsync(600_000);
});
