import type * as crypto from 'node:crypto';
import { expect, test, vi } from 'vitest';
import { checkPassword, hashPassword } from './accounts.ts';

const counts = vi.hoisted(() => ({ running: 0, most: 0 }));

vi.mock('node:crypto', async (original) => {
  const real = await original<typeof crypto>();
  type Done = (error: Error | null, key: Buffer) => void;
  const scrypt = (password: Buffer, salt: Buffer, length: number, options: crypto.ScryptOptions, done: Done) => {
    counts.most = Math.max(counts.most, ++counts.running);
    real.scrypt(password, salt, length, options, (error, key) => {
      counts.running--;
      done(error, key);
    });
  };
  return { ...real, scrypt };
});

test('passwords are checked one at a time, as each check takes 16 MiB', async () => {
  const accounts = new Map([['dev', { publish: [], subscribe: [], passwordHash: await hashPassword('secret') }]]);
  const checks = ['secret', 'wrong', 'secret', 'secret'].map((word) =>
    checkPassword(accounts, 'dev', Buffer.from(word)),
  );
  expect(await Promise.all(checks)).toEqual([true, false, true, true]);
  expect(counts.most).toBe(1);
});
