import { defineConfig } from 'vitest/config';

const slow = { testTimeout: 300_000, hookTimeout: 300_000, fileParallelism: false, sequence: { concurrent: false } };
const suite = (name: string, include: string[], more = {}) => ({
  extends: true as const,
  test: { name, include, ...more },
});

/** `unit` lies beside the code; the others cross rooms and start real servers, one file after the other. */
export default defineConfig({
  test: {
    maxWorkers: 2,
    expect: { poll: { timeout: 30_000 } },
    setupFiles: ['test/support/patience.ts'],
    env: { NODE_OPTIONS: '--disable-warning=ExperimentalWarning' },
    projects: [
      suite('unit', ['**/*.test.ts'], {
        exclude: ['node_modules/**', '.headwater/**', 'test/*/**'],
        testTimeout: 120_000,
        hookTimeout: 120_000,
      }),
      ...['integration', 'conformance', 'faults', 'browser', 'deploy'].map((name) =>
        suite(name, [`test/${name}/**/*.test.ts`], slow),
      ),
    ],
  },
});
