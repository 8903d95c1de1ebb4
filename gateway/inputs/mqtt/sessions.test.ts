import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Sessions } from './sessions.ts';
import { testBrokers } from './testing.ts';

const { open: openBroker } = testBrokers();
const dirs: string[] = [];
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true });
});

function place(): string {
  dirs.push(mkdtempSync(join(tmpdir(), 'headwater-sessions-')));
  return join(dirs.at(-1)!, 'sessions.json');
}
const open = (file: string, limit?: number) => new Sessions(file, () => expect.fail('it is damaged'), limit);

test('a session that began is there after a restart, with its user and its subscriptions', async () => {
  const file = place();
  const sessions = open(file);
  await sessions.begin('pump', 'plant');
  await sessions.subscribe('pump', 'commands/#', 1);
  await sessions.subscribe('pump', 'other', 0);
  await sessions.unsubscribe('pump', ['other', 'unknown']);
  const again = open(file);
  expect(again.has('pump')).toBe(true);
  expect(again.isForeign('pump', 'plant')).toBe(false);
  expect(again.isForeign('pump', 'somebody')).toBe(true);
  expect([...again.subscriptions()]).toEqual([{ clientId: 'pump', topic: 'commands/#', qos: 1 }]);
});

test('many that begin at once are all on disk when each is told so', async () => {
  const file = place();
  const sessions = open(file);
  await Promise.all(
    Array.from({ length: 50 }, async (_, i) => {
      await sessions.begin(`client-${i}`, undefined);
      expect(open(file).has(`client-${i}`)).toBe(true);
    }),
  );
});

test('an ended session is gone after a restart', async () => {
  const file = place();
  const sessions = open(file);
  await sessions.begin('pump', undefined);
  await sessions.end('pump');
  expect(open(file).has('pump')).toBe(false);
});

test('the session longest not connected has to end when there is no more room', async () => {
  const sessions = open(place(), 2);
  await sessions.begin('a', undefined);
  expect(sessions.nextToEnd).toBeUndefined();
  await sessions.begin('b', undefined);
  await sessions.begin('a', undefined);
  expect(sessions.nextToEnd).toBe('b');
  await sessions.end('b');
  expect(sessions.nextToEnd).toBeUndefined();
});

test('a session whose end could not be written can be ended again', async () => {
  const file = place();
  const sessions = open(file);
  await sessions.begin('pump', 'plant');
  await sessions.subscribe('pump', 'commands/#', 1);
  mkdirSync(`${file}.new`);
  for (let attempt = 0; attempt < 2; attempt++) {
    await expect(sessions.end('pump')).rejects.toMatchObject({ code: 'EISDIR' });
    expect(sessions.isForeign('pump', 'somebody')).toBe(true);
  }
  rmdirSync(`${file}.new`);
  await sessions.end('pump');
  expect(sessions.has('pump')).toBe(false);
  expect(open(file).has('pump')).toBe(false);
});

test('a damaged file is set aside, and the gateway starts', () => {
  const file = place();
  writeFileSync(file, '[["pump",');
  const damages: Error[] = [];
  const sessions = new Sessions(file, (error) => damages.push(error));
  expect(damages).toHaveLength(1);
  expect(sessions.has('pump')).toBe(false);
  expect(existsSync(file)).toBe(false);
  expect(readdirSync(join(file, '..'))).toEqual(['sessions.json.damaged']);
});

test('what could not be written is tried again before anybody is told that it is', async () => {
  const file = place();
  const sessions = open(file);
  await sessions.begin('valve', undefined);
  // In the place of the file that is written first.
  mkdirSync(`${file}.new`);
  await expect(sessions.begin('pump', undefined)).rejects.toMatchObject({ code: 'EISDIR' });
  expect(sessions.has('pump')).toBe(false);
  await expect(sessions.subscribe('valve', 'commands/#', 1)).rejects.toMatchObject({ code: 'EISDIR' });
  await expect(sessions.subscribe('valve', 'commands/#', 1)).rejects.toMatchObject({ code: 'EISDIR' });
  await expect(sessions.begin('valve', undefined)).rejects.toMatchObject({ code: 'EISDIR' });
  expect(sessions.has('valve')).toBe(true);

  rmdirSync(`${file}.new`);
  await sessions.subscribe('valve', 'commands/#', 1);
  const again = open(file);
  expect([...again.subscriptions()]).toEqual([{ clientId: 'valve', topic: 'commands/#', qos: 1 }]);
  expect(again.has('pump')).toBe(false);
  await sessions.begin('pump', undefined);
  expect(open(file).has('pump')).toBe(true);
});

test('while one session cannot be written, those that are on disk are taken up', async () => {
  const file = place();
  const sessions = open(file);
  await sessions.begin('pump', undefined);
  mkdirSync(`${file}.new`);
  await expect(sessions.begin('other', undefined)).rejects.toMatchObject({ code: 'EISDIR' });
  await sessions.begin('pump', undefined);
});

test('who asks for a clean session is let in only when the end of the one before it is on disk', async () => {
  const sessionsFile = place();
  const { raw } = await openBroker({ sessionsFile });
  const connect = async (clean: boolean) => (await raw()).connect({ clientId: 'pump', clean });
  expect(await connect(false)).toMatchObject({ returnCode: 0 });
  mkdirSync(`${sessionsFile}.new`);
  for (let attempt = 0; attempt < 2; attempt++) expect(await connect(true)).toMatchObject({ returnCode: 3 });
  rmdirSync(`${sessionsFile}.new`);
  expect(await connect(true)).toMatchObject({ returnCode: 0 });
  expect(open(sessionsFile).has('pump')).toBe(false);
});

test('a session that has to end for another ends when its QoS 2 ids are forgotten, and not before', async () => {
  const sessionsFile = place();
  const full = Array.from({ length: 10_000 }, (_, n) => [`client-${n}`, null, []]);
  writeFileSync(sessionsFile, JSON.stringify(full));
  const { raw, messages, outcomes } = await openBroker({ sessionsFile });
  const connect = async () => (await raw()).connect({ clientId: 'new', clean: false });
  // For the ids of the new one, and for those of the other.
  outcomes.push('stored', 'refused');
  expect(await connect()).toMatchObject({ returnCode: 3 });
  expect(JSON.parse(readFileSync(sessionsFile, 'utf8'))).toEqual(full);
  expect(await connect()).toMatchObject({ returnCode: 0, sessionPresent: false });
  expect(JSON.parse(readFileSync(sessionsFile, 'utf8'))).toEqual([...full.slice(1), ['new', null, []]]);
  expect(messages.at(-1)?.forget).toEqual({ client: 'client-0' });
});
