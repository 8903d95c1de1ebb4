import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { HeadwaterError } from '../../../contract/index.ts';
import type { Rights } from './access.ts';

/** One at a time: devices which come back together would take 16 MiB each, just when the load begins, and all of Node's threads. */
const derive = inARow(promisify<string | Buffer, Buffer, number, ScryptOptions, Buffer>(scrypt));
/** 16 MiB and some 30 ms on a Raspberry Pi: dear for a guesser, bearable when all devices come back at once. */
const COST = { N: 16_384, r: 8, p: 1 };
const HASH = /^scrypt\$(\d+)\$(\d+)\$(\d+)\$([\w+/=-]+)\$([\w+/=-]+)$/;

export interface Account extends Rights {
  /** Absent where only a client certificate lets this user in. */
  readonly passwordHash?: string;
}

/** User name → account. */
export type Accounts = ReadonlyMap<string, Account>;

/** `scrypt$N$r$p$salt$hash`, salt and hash in base64. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(password, salt, 32, COST);
  return `scrypt$${COST.N}$${COST.r}$${COST.p}$${salt.toString('base64')}$${hash.toString('base64')}`;
}

/** Whether the password is the account's. An unknown user takes as long as a wrong password. */
export async function checkPassword(accounts: Accounts, username: string, password: Buffer): Promise<boolean> {
  const stored = accounts.get(username)?.passwordHash;
  const [, N, r, p, salt, hash] = HASH.exec(stored ?? UNKNOWN) ?? [];
  if (salt === undefined || hash === undefined) {
    throw new HeadwaterError(
      'CONFIG_INVALID',
      `the password hash of MQTT user "${username}" is not scrypt$N$r$p$salt$hash`,
    );
  }
  const expected = Buffer.from(hash, 'base64');
  const options = { N: Number(N), r: Number(r), p: Number(p), maxmem: 256 * 1_024 * 1_024 };
  const actual = await derive(password, Buffer.from(salt, 'base64'), expected.length, options);
  return timingSafeEqual(actual, expected) && stored !== undefined;
}

const UNKNOWN = `scrypt$${COST.N}$${COST.r}$${COST.p}$${'A'.repeat(22)}==$${'A'.repeat(43)}=`;

function inARow<A extends unknown[], T>(work: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (...args) => {
    const result = last.then(() => work(...args));
    last = result.catch(() => {});
    return result;
  };
}
