import { expect, test } from 'vitest';
import { Decoder } from './decode.ts';

const T = Date.UTC(2026, 10, 1);
const bad = (sender: string) => ({ source: 'mqtt', sender, topic: 'devices/d', payload: Buffer.from('?') });
const letters = (decoder: Decoder, sender: string, at: number) =>
  decoder.decode(bad(sender), at).entries.map(({ value }) => JSON.parse(value).reason as string);

test('of one sender a hundred dead letters are kept at once, and then one each ten seconds, which tells of the others', () => {
  const decoder = new Decoder({ gateway: 'gw', site: 's' });
  const kept = Array.from({ length: 500 }, () => letters(decoder, 'a', T)).flat();
  expect(kept).toHaveLength(100);
  expect(decoder.deadLettersHeldBack).toBe(400);
  expect(letters(decoder, 'b', T)).toHaveLength(1);
  expect(letters(decoder, 'a', T + 10_000)).toEqual([expect.stringContaining('400 more of this sender')]);
  expect(letters(decoder, 'a', T + 10_001)).toEqual([]);
});

test('what was held back of a sender that has fallen silent is announced', () => {
  const decoder = new Decoder({ gateway: 'gw', site: 's' });
  for (let n = 0; n < 130; n++) letters(decoder, 'a', T);
  expect(decoder.announce(T).entries).toEqual([]);
  const { entries } = decoder.announce(T + 10_000);
  expect(entries).toMatchObject([{ kind: 'rejected', alarm: false }]);
  expect(JSON.parse(entries[0]!.value)).toMatchObject({
    origin: 'mqtt:a',
    code: 'SUPPRESSED',
    reason: expect.stringContaining('30 more messages'),
  });
  expect(decoder.announce(T + 20_000).entries).toEqual([]);
});

test('ever new senders cannot fill the disk either', () => {
  const decoder = new Decoder({ gateway: 'gw', site: 's' });
  const kept = Array.from({ length: 5_000 }, (_, n) => letters(decoder, `client-${n}`, T)).flat();
  expect(kept).toHaveLength(1_000);
});

test('a clock that was set back holds nothing back', () => {
  const decoder = new Decoder({ gateway: 'gw', site: 's' });
  letters(decoder, 'a', T);
  expect(letters(decoder, 'a', T - 86_400_000)).toHaveLength(1);
});
