import { expect, test } from 'vitest';
import { SourcesConfig } from './config.ts';

const problems = (config: unknown) =>
  SourcesConfig.safeParse(config).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

test('an empty configuration has no sources, and nginx seconds are the usual response time', () => {
  expect(SourcesConfig.parse({})).toEqual({ web: [], transactions: [], weather: [] });
  expect(SourcesConfig.parse({ web: [{ file: 'a' }] }).web).toEqual([{ file: 'a', durationUnit: 's' }]);
});

test('two sources may not share a name or a file', () => {
  expect(problems({ web: [{ file: 'a', name: 'x' }], transactions: [{ file: 'a', name: 'x' }] })).toEqual([
    ': the name "x" is given to two sources',
    ': the file "a" is given to two sources',
  ]);
});

test('every problem is reported with its path', () => {
  expect(problems({ web: [{ file: '' }, { file: 'b', durationUnit: 'ms' }], devices: {}, tweets: [] })).toEqual([
    expect.stringMatching(/^web\.0\.file: /),
    expect.stringMatching(/^web\.1\.durationUnit: /),
    expect.stringMatching(/^devices\.file: /),
    expect.stringMatching(/^: Unrecognized key/),
  ]);
});
