import { expect, test } from 'vitest';
import { transactions, weather } from './json-lines.ts';

const line = (value: unknown) => Buffer.from(JSON.stringify(value));
const observation = { place: 'basel', provider: 'own', temperature: 8.5, humidity: 71, ts: 1_780_000_000_000 };

test('an observation of the weather is keyed by its place', () => {
  const { topic, toRecord } = weather();
  const { key, value } = toRecord(line({ ...observation, extra: 1 }));
  expect([topic, key, JSON.parse(String(value))]).toEqual(['weather.observations', 'basel', observation]);
});

test.each([
  ['WEATHER_INVALID', weather, { ...observation, temperature: 'mild' }, /^temperature: /],
  ['WEATHER_INVALID', weather, { ...observation, place: 'no place' }, /^place: /],
  ['TRANSACTION_INVALID', transactions, { id: 't' }, /account: .*; .*amount: /],
])('a line that is none is refused as %s, with every field that is wrong', (code, source, value, problem) => {
  expect(() => source().toRecord(line(value))).toThrow(
    expect.objectContaining({ code, message: expect.stringMatching(problem) }),
  );
});

test('a line that is no JSON, or not in UTF-8, is refused as such', () => {
  for (const bytes of [Buffer.from('{'), Buffer.from([0x22, 0xff, 0x22])])
    expect(() => weather().toRecord(bytes)).toThrow(expect.objectContaining({ code: 'JSON_INVALID' }));
});
