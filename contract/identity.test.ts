import { expect, test } from 'vitest';
import { formatIdentity, parseIdentity } from './identity.ts';

test('an identity survives its text', () => {
  const id = { incarnation: '5f0c', lane: 'backlog', sequence: 60_000_000 } as const;
  expect(parseIdentity(formatIdentity(id))).toEqual(id);
});

test.each(['', 'a/live', 'a/live/0', 'a/live/1.5', 'a/fast/1', '/live/1', 'a/live/1/2', 'a/live/x'])(
  '"%s" is no identity',
  (text) => {
    expect(() => parseIdentity(text)).toThrow(/is not <incarnation>\/<lane>\/<sequence>/);
  },
);
