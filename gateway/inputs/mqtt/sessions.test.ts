import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Sessions } from './sessions.ts';

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

test('the session longest not connected ends when there are too many', async () => {
  const sessions = open(place(), 2);
  await sessions.begin('a', undefined);
  await sessions.begin('b', undefined);
  await sessions.begin('a', undefined);
  expect(await sessions.begin('c', undefined)).toBe('b');
  expect(['a', 'b', 'c'].filter((id) => sessions.has(id))).toEqual(['a', 'c']);
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
