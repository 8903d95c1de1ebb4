import { expect, test, vi } from 'vitest';
import { startConnectWatch } from './watch.ts';

test('a Connect that takes connections and never answers does not hold up the end of the hub', async () => {
  vi.stubGlobal('fetch', () => new Promise(() => {}));
  try {
    const watch = startConnectWatch({
      connect: { url: 'http://connect:8083' },
      kafka: { brokers: [], clientId: 'c', ca: '', username: 'u', password: 'p' },
      log: { info() {}, warn() {} },
    });
    await watch.close();
    expect(watch.view().state).toBe('starting');
  } finally {
    vi.unstubAllGlobals();
  }
});
