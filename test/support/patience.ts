import { vi } from 'vitest';

// vitest gives up after one second, which on a busy machine says nothing.
const PATIENCE_MS = 30_000;

const { waitFor } = vi;
vi.waitFor = (callback, options) =>
  waitFor(callback, typeof options === 'number' ? options : { timeout: PATIENCE_MS, ...options });
