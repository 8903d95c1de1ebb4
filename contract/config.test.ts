import { expect, test } from 'vitest';
import { z } from 'zod';
import { duration, parseConfig, size } from './config.ts';
import { HeadwaterError } from './error.ts';

const schema = z.strictObject({
  gateway: z.strictObject({ id: z.string() }),
  buffer: z.strictObject({ maxBytes: size, maxAge: duration }),
  ports: z.array(z.strictObject({ path: z.string(), baudRate: z.int().positive() })).default([]),
});
const good = 'gateway:\n  id: g1\nbuffer:\n  maxBytes: 2 GiB\n  maxAge: 30d\n';
const read = (text: string, env = {}) =>
  parseConfig(schema, { text, file: 'gateway.yaml', env, prefix: 'HEADWATER_GATEWAY' });

function problemsOf(text: string, env = {}): readonly string[] {
  try {
    read(text, env);
  } catch (error) {
    expect(error).toBeInstanceOf(HeadwaterError);
    return (error as HeadwaterError).details;
  }
  throw new Error('the configuration was accepted');
}

test('sizes and durations are read with their units', () => {
  expect(read(good).buffer).toEqual({ maxBytes: 2 * 1024 ** 3, maxAge: 30 * 86_400_000 });
});

test('every problem is told at once, by its path and line', () => {
  expect(
    problemsOf(
      'gateway:\n  id: 7\nbuffer:\n  maxBytes: much\n  maxAge: 1d\n  maxAges: 2d\nports:\n  - path: /dev/a\n    baudRate: -1\n',
    ),
  ).toEqual([
    'gateway.id (line 2): Invalid input: expected string, received number',
    'buffer.maxBytes (line 4): must be a quantity such as 2 GiB; units are B, KiB, MiB, GiB, kB, MB, GB',
    'buffer.maxAges (line 6): is not a setting; check its spelling',
    'ports.0.baudRate (line 9): Too small: expected number to be >0',
  ]);
});

test('a missing setting is named', () => {
  expect(problemsOf('buffer: {maxBytes: 1, maxAge: 1}')).toEqual(['gateway: is missing; it must be object']);
});

test('broken YAML is told by its line', () => {
  expect(problemsOf('gateway:\n  id: "g1\n')[0]).toMatch(/^line \d: /);
});

test('an environment variable overrides the file and is named when it is wrong', () => {
  expect(read(good, { HEADWATER_GATEWAY__BUFFER__MAX_AGE: '2d' }).buffer.maxAge).toBe(2 * 86_400_000);
  expect(problemsOf(good, { HEADWATER_GATEWAY__BUFFER__MAX_AGE: 'soon' })[0]).toContain(
    'from HEADWATER_GATEWAY__BUFFER__MAX_AGE',
  );
});

test('references that would make it endless are a problem like any other', () => {
  const tenfold = (name: string, of: string) => `${name}: &${name} [${Array(10).fill(of).join(', ')}]\n`;
  const bomb = ['b', 'c', 'd', 'e'].reduce(
    (text, name, at) => text + tenfold(name, `*${'abcd'[at]}`),
    tenfold('a', 'x'),
  );
  expect(problemsOf(bomb)[0]).toContain('the file: Excessive alias count');
});

test('a variable that is no YAML is named, and a file that is no map does not trip over one', () => {
  const env = { HEADWATER_GATEWAY__GATEWAY__ID: '[' };
  expect(problemsOf(good, env)[0]).toContain('gateway.id (from HEADWATER_GATEWAY__GATEWAY__ID)');
  expect(problemsOf('a text', { HEADWATER_GATEWAY__GATEWAY__ID: 'g2' })[0]).toContain('the file');
});
