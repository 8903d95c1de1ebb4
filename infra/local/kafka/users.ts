import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import type { ConnectionOptions } from 'node:tls';
import { promisify } from 'node:util';
import { HeadwaterError } from '../../../contract/index.ts';
import type { UserSecret } from '../secrets.ts';
import { openWire, Writer } from './wire.ts';

const SASL_HANDSHAKE = { key: 17, version: 1, flexible: false };
const SASL_AUTHENTICATE = { key: 36, version: 0, flexible: false };
const ALTER_USER_SCRAM_CREDENTIALS = { key: 51, version: 0, flexible: true };
const MECHANISM = 'SCRAM-SHA-512';
const SHA_512 = 2;
const SASL_AUTHENTICATION_FAILED = 58;
const ITERATIONS = 4_096;

const derive = promisify(pbkdf2);
const saltedPassword = (password: string, salt: Buffer, iterations: number) =>
  derive(password, salt, iterations, 64, 'sha512');

/** Creates users, or gives existing ones this password. `port` and `tls` reach a listener where we are a super user. */
export async function setPasswords(
  port: number,
  tls: ConnectionOptions,
  users: readonly Omit<UserSecret, 'passwordFile'>[],
): Promise<void> {
  const body = new Writer().varint(1).varint(users.length + 1); // No deletions; then the users.
  for (const { username, password } of users) {
    const salt = randomBytes(24);
    body.compact(username).int8(SHA_512).int32(ITERATIONS).compact(salt);
    body.compact(await saltedPassword(password, salt, ITERATIONS)).noTags();
  }
  const wire = await openWire(port, tls);
  try {
    const answer = await wire.request(ALTER_USER_SCRAM_CREDENTIALS, body.noTags().bytes());
    answer.int32(); // Throttle time.
    const results = answer.array(answer.varint() - 1, () => {
      const result = { user: answer.compact(), error: answer.int16(), message: answer.compact() };
      answer.skipTags();
      return result;
    });
    const refused = results.filter(({ error }) => error !== 0);
    if (refused.length > 0) {
      throw new HeadwaterError('KAFKA_USERS', `Kafka refused to create ${refused.map(({ user }) => user).join(', ')}`, {
        details: refused.map(({ user, error, message }) => `${user}: ${message ?? `error ${error}`}`),
        retryable: true,
      });
    }
  } finally {
    wire.close();
  }
}

/** Whether a broker lets this user in, by SCRAM (RFC 5802) on its client listener. Throws when it cannot be asked. */
export async function canLogIn(port: number, tls: ConnectionOptions, user: UserSecret): Promise<boolean> {
  const wire = await openWire(port, tls);
  try {
    await wire.request(SASL_HANDSHAKE, new Writer().string(MECHANISM).bytes());
    const authenticate = async (message: string) => {
      const answer = await wire.request(SASL_AUTHENTICATE, new Writer().blob(Buffer.from(message)).bytes());
      const error = answer.int16();
      const text = answer.string();
      if (error !== 0 && error !== SASL_AUTHENTICATION_FAILED) throw new Error(text ?? `error ${error}`);
      return error === 0 ? answer.blob().toString() : undefined;
    };
    const clientFirst = `n=${user.username},r=${randomBytes(18).toString('base64')}`;
    const serverFirst = await authenticate(`n,,${clientFirst}`);
    if (serverFirst === undefined) return false;
    const [nonce, salt, iterations] = ['r', 's', 'i'].map((name) => attribute(serverFirst, name));
    const withoutProof = `c=biws,r=${nonce}`;
    const salted = await saltedPassword(user.password, Buffer.from(salt!, 'base64'), Number(iterations));
    const clientKey = hmac(salted, 'Client Key');
    const storedKey = createHash('sha512').update(clientKey).digest();
    const signature = hmac(storedKey, `${clientFirst},${serverFirst},${withoutProof}`);
    const proof = clientKey.map((byte, i) => byte ^ signature[i]!);
    return (await authenticate(`${withoutProof},p=${Buffer.from(proof).toString('base64')}`)) !== undefined;
  } finally {
    wire.close();
  }
}

const hmac = (key: Buffer, text: string) => createHmac('sha512', key).update(text).digest();
const attribute = (message: string, name: string) =>
  message
    .split(',')
    .find((part) => part.startsWith(`${name}=`))
    ?.slice(2);
