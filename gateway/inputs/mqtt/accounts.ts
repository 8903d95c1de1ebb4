import { createHmac, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { HeadwaterError } from '../../../contract/index.ts';
import type { Rights } from './access.ts';

const derive = promisify<string | Buffer, Buffer, number, ScryptOptions, Buffer>(scrypt);
/** 16 MiB and some 30 ms on a Raspberry Pi: dear for a guesser, and for a device only once, as what was right is known again. */
const COST = { N: 16_384, r: 8, p: 1 };
const HASH = /^scrypt\$(\d+)\$(\d+)\$(\d+)\$([\w+/=-]+)\$([\w+/=-]+)$/;
/** Of this process only: what is remembered of passwords is worth nothing elsewhere. */
const DIGEST_KEY = randomBytes(32);

export interface Account extends Rights {
  /** Absent where the password itself is known, or where only a client certificate lets this user in. */
  readonly passwordHash?: string;
}

/** User name → account. */
export type Accounts = ReadonlyMap<string, Account>;

/** The right passwords of accounts, as far as they are known: of those with a password file, and those that have logged in. */
const known = new WeakMap<Account, Buffer>();

/** Lets in by this account whoever has the password. */
export function setPassword(account: Account, password: string | Buffer): void {
  known.set(account, digestOf(password));
}

/** `scrypt$N$r$p$salt$hash`, salt and hash in base64. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(password, salt, 32, COST);
  return `scrypt$${COST.N}$${COST.r}$${COST.p}$${salt.toString('base64')}$${hash.toString('base64')}`;
}

/**
 * Whether the password is the account's. An unknown user takes as long as a wrong password. A password that was right before is known again without
 * the cost of a guess: devices that come back together need neither the time nor the memory. Once nobody waits for the answer (`isWanted`), it is false
 * at no cost. Who asks from one `address` many times keeps nobody waiting who asks from another.
 */
export async function checkPassword(
  accounts: Accounts,
  username: string,
  password: Buffer,
  { address = '', isWanted = () => true }: { address?: string; isWanted?: () => boolean } = {},
): Promise<boolean> {
  const account = accounts.get(username);
  return isKnown(account, password) || compareInTurn(address, username, account, password, isWanted);
}

function isKnown(account: Account | undefined, password: Buffer): boolean {
  const digest = account && known.get(account);
  return digest !== undefined && timingSafeEqual(digest, digestOf(password));
}

const digestOf = (password: string | Buffer): Buffer => createHmac('sha256', DIGEST_KEY).update(password).digest();

/**
 * One at a time: devices which come together for the first time would take 16 MiB each, just when the load begins, and all of Node's threads. Address
 * by address: wrong passwords could keep a row in which all stand longer than devices wait for an answer.
 */
const compareInTurn = inTurn(compare);

async function compare(
  username: string,
  account: Account | undefined,
  password: Buffer,
  isWanted: () => boolean,
): Promise<boolean> {
  // Devices that gave up while they were in the row come again, and would stand behind themselves.
  if (!isWanted()) return false;
  // By a device before it in the row.
  if (isKnown(account, password)) return true;
  const stored = account?.passwordHash;
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
  if (account === undefined || stored === undefined || !timingSafeEqual(actual, expected)) return false;
  setPassword(account, password);
  return true;
}

const UNKNOWN = `scrypt$${COST.N}$${COST.r}$${COST.p}$${'A'.repeat(22)}==$${'A'.repeat(43)}=`;

function inTurn<A extends unknown[], T>(work: (...args: A) => Promise<T>): (from: string, ...args: A) => Promise<T> {
  /** By where it comes from; whose turn is next is first. */
  const rows = new Map<string, (() => Promise<void>)[]>();
  let working = false;
  async function workOff(): Promise<void> {
    working = true;
    // Those that come meanwhile are at its end.
    for (const [from, row] of rows) {
      const next = row.shift()!;
      rows.delete(from);
      if (row.length > 0) rows.set(from, row);
      await next();
    }
    working = false;
  }
  return (from, ...args) => {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const row = rows.get(from) ?? [];
    row.push(() => work(...args).then(resolve, reject));
    rows.set(from, row);
    if (!working) void workOff();
    return promise;
  };
}
