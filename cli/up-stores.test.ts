import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { existingStores } from './up-stores.ts';

const dir = mkdtempSync(join(tmpdir(), 'headwater-up-stores-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const file = (name: string, text: string) => {
  const path = join(dir, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
};

test('without a word about them there are no stores; --stores starts both, and an existing one takes the place of its own', () => {
  expect(existingStores({}, {})).toEqual({});
  expect(existingStores({ stores: true }, {})).toEqual({ influx: 'start', mongo: 'start' });
  expect(existingStores({ stores: true, mongo: 'mongodb://db/' }, {})).toEqual({
    influx: 'start',
    mongo: { uri: 'mongodb://db/' },
  });
  const token = file('token', 'secret');
  expect(existingStores({ influx: 'http://db:8086', influxTokenFile: token }, {})).toEqual({
    influx: { url: 'http://db:8086', org: 'headwater', adminTokenFile: token },
  });
});

test('a password comes from a file or the environment, never from the command line', () => {
  const uri = 'mongodb://user:password@db/';
  expect(() => existingStores({ mongo: uri }, {})).toThrow(/can be read by others/);
  expect(existingStores({ mongoUriFile: file('mongo.properties', `uri=${uri}\n`) }, {})).toEqual({ mongo: { uri } });
  expect(existingStores({}, { HEADWATER_MONGO_URI: uri })).toEqual({ mongo: { uri } });
});

test.each([
  [{ influx: 'http://db:8086' }, /needs --influx-token-file/],
  [{ influx: 'db', influxTokenFile: '/x' }, /is no address/],
  [{ influx: 'localhost:8086', influxTokenFile: '/x' }, /is no address/],
  [{ stores: true, influxTokenFile: '/x' }, /needs --influx,/],
  [{ mongo: 'mongodb://db/', mongoUriFile: '/x' }, /not both/],
  [{ influx: 'http://db:8086', influxTokenFile: '/nowhere' }, /cannot be read/],
  [{ mongo: 'db:27017' }, /must begin with mongodb:/],
  [{ mongoUriFile: '/nowhere' }, /cannot be read/],
])('%j is refused as wrong usage', (flags, message) => {
  expect(() => existingStores(flags, {})).toThrow(message);
});
