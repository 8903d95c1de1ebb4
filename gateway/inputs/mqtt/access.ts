import type { TLSSocket } from 'node:tls';
import { type Accounts, checkPassword } from './accounts.ts';
import { TopicRules } from './filters.ts';

/** Topic filters of an account, with `{username}` and `{clientid}` to be filled in. A `!` in front takes away. */
export interface Rights {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** What an account may do when nothing is said about it: publish under its own name. */
const OWN_PREFIX: Rights = { publish: ['devices/{username}', 'devices/{username}/#'], subscribe: [] };
/** Where nobody logs in, topics protect nobody. */
const ANYWHERE: Rights = { publish: ['#'], subscribe: [] };

/** What a connected client may do. */
export interface Access {
  /** Absent where nobody logs in. */
  readonly username?: string;
  readonly byCertificate?: boolean;
  readonly publish: TopicRules;
  readonly subscribe: TopicRules;
}

/** Who is let in. */
export interface Doors {
  /** By user name; undefined: everybody, without a login. */
  readonly accounts?: Accounts | undefined;
  /** What everybody may do then; `ANYWHERE` unless given. */
  readonly anonymous?: Rights | undefined;
}

export interface Credentials {
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Buffer | undefined;
  /** The common name of a client certificate that was verified. */
  readonly certificateName: string | undefined;
  /** Where it comes from. */
  readonly address: string;
  /** Whether anybody still waits for the answer. */
  readonly isWanted: () => boolean;
}

/**
 * What the client may do, or the CONNACK code with which it is refused. A certificate stands for the user its common name names, with a password
 * or without; a user name that differs from it is refused.
 */
export async function logIn({ accounts, anonymous }: Doors, credentials: Credentials): Promise<Access | 3 | 4> {
  const { clientId, username, password, certificateName, address, isWanted } = credentials;
  if (accounts === undefined) return accessOf(anonymous ?? ANYWHERE, { clientId });
  if (certificateName !== undefined) {
    if (username !== undefined && username !== certificateName) return 4;
    const rights = accounts.get(certificateName) ?? OWN_PREFIX;
    return { ...accessOf(rights, { clientId, username: certificateName }), byCertificate: true };
  }
  if (username === undefined || password === undefined) return 4;
  if (!(await checkPassword(accounts, username, password, { address, isWanted }))) return isWanted() ? 4 : 3;
  return accessOf(accounts.get(username)!, { clientId, username });
}

/** What a client that is connected may do after the accounts were changed; `gone` where its account is. */
export function accessAgain(
  { accounts, anonymous }: Doors,
  before: Access,
  { clientId }: { clientId: string },
): Access | 'gone' {
  const { username, byCertificate } = before;
  if (username === undefined) return accounts === undefined ? accessOf(anonymous ?? ANYWHERE, { clientId }) : 'gone';
  const rights = accounts?.get(username) ?? (byCertificate ? OWN_PREFIX : undefined);
  if (accounts !== undefined && rights === undefined) return 'gone';
  return { ...before, ...accessOf(rights ?? anonymous ?? ANYWHERE, { clientId, username }) };
}

/**
 * The user of a verified client certificate; undefined without one. `false` for one that is not to be trusted: signed by somebody else, out of
 * date, or without exactly one common name.
 */
export function certificateName(socket: TLSSocket): string | undefined | false {
  const { subject } = socket.getPeerCertificate() ?? {};
  if (subject === undefined) return undefined;
  return socket.authorized && typeof subject.CN === 'string' && subject.CN !== '' ? subject.CN : false;
}

function accessOf(rights: Rights, person: { clientId: string; username?: string }): Access {
  return {
    ...(person.username !== undefined && { username: person.username }),
    publish: new TopicRules(rights.publish, person),
    subscribe: new TopicRules(rights.subscribe, person),
  };
}
