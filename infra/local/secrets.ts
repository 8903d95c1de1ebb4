import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { HeadwaterError, NAME } from '../../contract/index.ts';
import { makePrivateDir, readIfThere, writePrivate } from './private-files.ts';

export interface UserSecret {
  readonly username: string;
  readonly password: string;
  readonly passwordFile: string;
}

/** The users with their passwords, kept in `dir/<user>.password`; a user without one is given one. */
export function userSecrets(dir: string, users: readonly string[]): Map<string, UserSecret> {
  makePrivateDir(dir);
  return new Map(
    users.map((username) => {
      if (!NAME.test(username)) throw new HeadwaterError('USER_NAME', `"${username}" cannot be the name of a user`);
      const passwordFile = join(dir, `${username}.password`);
      let password = readIfThere(passwordFile)?.trim();
      if (!password) {
        password = randomBytes(24).toString('base64url');
        writePrivate(passwordFile, password);
      }
      return [username, { username, password, passwordFile }];
    }),
  );
}
