import type * as crypto from 'node:crypto';
import { expect, test, vi } from 'vitest';
import { checkPassword, hashPassword, setPassword } from './accounts.ts';
import { testBrokers } from './testing.ts';

const counts = vi.hoisted(() => ({ running: 0, most: 0, all: 0, gate: Promise.resolve() }));

vi.mock('node:crypto', async (original) => {
  const real = await original<typeof crypto>();
  type Done = (error: Error | null, key: Buffer) => void;
  const scrypt = (password: Buffer, salt: Buffer, length: number, options: crypto.ScryptOptions, done: Done) => {
    counts.all++;
    counts.most = Math.max(counts.most, ++counts.running);
    real.scrypt(password, salt, length, options, (error, key) => {
      counts.running--;
      counts.gate.then(() => done(error, key));
    });
  };
  return { ...real, scrypt };
});

const { open } = testBrokers();
const CONNECT = { cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, keepalive: 0 } as const;

test('passwords are checked one at a time, as each check takes 16 MiB', async () => {
  const accounts = new Map([['dev', { publish: [], subscribe: [], passwordHash: await hashPassword('secret') }]]);
  const checks = ['secret', 'wrong', 'secret', 'secret'].map((word) =>
    checkPassword(accounts, 'dev', Buffer.from(word)),
  );
  expect(await Promise.all(checks)).toEqual([true, false, true, true]);
  expect(counts.most).toBe(1);
});

test('a password that was right is known again at no cost, a wrong one costs a check each time', async () => {
  const accounts = new Map([['dev', { publish: [], subscribe: [], passwordHash: await hashPassword('secret') }]]);
  const check = (word: string) => checkPassword(accounts, 'dev', Buffer.from(word));
  expect(await check('secret')).toBe(true);
  const before = counts.all;
  expect(await Promise.all([check('secret'), check('secret')])).toEqual([true, true]);
  expect(counts.all).toBe(before);
  expect(await check('wrong')).toBe(false);
  expect(await checkPassword(accounts, 'other', Buffer.from('secret'))).toBe(false);
  expect(counts.all).toBe(before + 2);
});

test('devices of one account that come together cost one check', async () => {
  const accounts = new Map([['dev', { publish: [], subscribe: [], passwordHash: await hashPassword('secret') }]]);
  const before = counts.all;
  const checks = Array.from({ length: 10 }, () => checkPassword(accounts, 'dev', Buffer.from('secret')));
  expect(await Promise.all(checks)).toEqual(Array(10).fill(true));
  expect(counts.all).toBe(before + 1);
});

test('an account whose password is in a file needs no check to let in, and a guesser takes as long as ever', async () => {
  const account = { publish: [], subscribe: [] };
  setPassword(account, 'secret');
  const before = counts.all;
  const check = (word: string) => checkPassword(new Map([['dev', account]]), 'dev', Buffer.from(word));
  expect(await check('secret')).toBe(true);
  expect(counts.all).toBe(before);
  expect(await check('wrong')).toBe(false);
  expect(counts.all).toBe(before + 1);
});

test('devices that gave up while others were checked cost nothing, and one that comes then is let in', async () => {
  const passwordHash = await hashPassword('secret');
  const { device, raw } = await open({
    accounts: new Map([['dev', { publish: ['#'], subscribe: [], passwordHash }]]),
  });
  const before = counts.all;
  const { promise, resolve } = Promise.withResolvers<void>();
  counts.gate = promise;
  const password = Buffer.from('wrong');
  for (let n = 0; n < 20; n++) {
    const client = await raw();
    client.send({ ...CONNECT, clientId: `c${n}`, username: 'dev', password });
    if (n === 0) await vi.waitFor(() => expect(counts.all).toBe(before + 1), { timeout: 30_000 });
    else await client.hangUp();
  }
  const late = device({ username: 'dev', password: 'secret' });
  resolve();
  await late;
  expect(counts.all).toBe(before + 2);
});

test('many wrong passwords from one address keep nobody out who comes from another', async () => {
  const account = { publish: [], subscribe: [], passwordHash: await hashPassword('secret') };
  const known = { publish: [], subscribe: [] };
  setPassword(known, 'secret');
  const { raw } = await open({
    accounts: new Map([
      ['dev', account],
      ['known', known],
    ]),
  });
  const login = async (address: string, clientId: string, password: string, username = 'dev') => {
    const client = await raw(address);
    client.send({ ...CONNECT, clientId, username, password: Buffer.from(password) });
    return client;
  };
  const before = counts.all;
  const { promise, resolve } = Promise.withResolvers<void>();
  counts.gate = promise;
  const guessers = await Promise.all(Array.from({ length: 10 }, (_, n) => login('127.0.0.1', `g${n}`, 'wrong')));
  await vi.waitFor(() => expect(counts.all).toBe(before + 1), { timeout: 30_000 });
  const device = await login('127.0.0.2', 'device', 'secret');
  // What was sent before is with the gateway when this is let in, which needs no check.
  await (await login('127.0.0.1', 'known', 'secret', 'known')).next('connack');
  resolve();
  expect(await device.next('connack')).toMatchObject({ returnCode: 0 });
  // The one that was on its way, one of the guessers', its own, and perhaps the next.
  expect(counts.all).toBeLessThanOrEqual(before + 4);
  await vi.waitFor(() => expect(guessers.every(({ closed }) => closed)).toBe(true), { timeout: 30_000 });
  expect(counts.all).toBe(before + 11);
  expect(counts.most).toBe(1);
});
