import { z } from 'zod';
import { file, isLoopback, port, repeated } from './common.ts';
import { formats } from './formats.ts';
import { filter, publish, subscribe } from './rights.ts';
import { transform } from './transform.ts';

const SCRYPT = /^scrypt\$(\d+)\$(\d+)\$(\d+)\$([\w+/-]{11,}=*)\$([\w+/-]{22,}=*)$/;
const SCRYPT_BYTES = 128 * 1_024 * 1_024;

const account = z
  .strictObject({
    username: z.string().min(1).max(128).describe('Name the device logs in with.'),
    passwordFile: file.optional().describe('File that holds the password, with nothing else in it.'),
    passwordHash: z
      .string()
      .refine(
        isScrypt,
        'must be scrypt$N$r$p$salt$hash: N a power of 2, a salt of 8 bytes or more, a hash of 16 or more',
      )
      .optional()
      .describe('Made by `headwater gateway hash-password`: scrypt$N$r$p$salt$hash, salt and hash in base64.'),
    publish: publish.default(['devices/{username}', 'devices/{username}/#']),
    subscribe,
  })
  .refine(({ passwordFile, passwordHash }) => passwordFile === undefined || passwordHash === undefined, {
    message: 'must have either passwordFile or passwordHash',
  });

const tls = z
  .strictObject({
    certFile: file.describe('PEM file of the broker’s certificate, and of those between it and the authority.'),
    keyFile: file.describe('PEM file of its private key, without a passphrase.'),
    clientCaFile: file
      .optional()
      .describe('PEM file of the authority whose client certificates are taken: the common name is the user.'),
    clientCertificates: z
      .enum(['optional', 'required'])
      .optional()
      .describe('required, unless told otherwise: nobody gets in without a certificate. optional: or with a password.'),
  })
  .refine(({ clientCaFile, clientCertificates }) => clientCaFile !== undefined || clientCertificates === undefined, {
    message: 'has clientCertificates, but no clientCaFile to check them with',
    path: ['clientCaFile'],
  });

export const mqtt = z
  .strictObject({
    host: z.string().min(1).default('127.0.0.1').describe('Address to listen on; 0.0.0.0 for all of them.'),
    port: port.default(1883).describe('TCP port, 8883 by custom with TLS; 0 takes a free one.'),
    tls: tls.optional().describe('PEM certificate and key. With them the port speaks TLS only.'),
    anonymous: z
      .union([z.boolean(), z.strictObject({ publish: publish.default(['#']), subscribe })])
      .default(false)
      .describe('Let devices in without a password, perhaps with rights of their own. On loopback only.'),
    plaintext: z
      .boolean()
      .default(false)
      .describe('Let devices in from the network without TLS: passwords are readable.'),
    accounts: z.array(account).default([]).describe('Who may connect, besides those with a client certificate.'),
    local: z
      .array(filter)
      .default([])
      .describe('Topic filters of messages between devices, such as commands: passed to subscribers, never stored.'),
    maxClients: z.int().min(1).default(1_000).describe('Connections at a time.'),
    formats,
    transform,
  })
  .superRefine(({ host, tls, anonymous, plaintext, accounts }, context) => {
    const loopback = isLoopback(host);
    const problem = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    const byCertificate = tls?.clientCaFile !== undefined;
    if (anonymous && !loopback) problem('anonymous', `is allowed on loopback only, and host is ${host}; list accounts`);
    if (!anonymous && accounts.length === 0 && !byCertificate)
      problem('accounts', 'nobody could connect: list at least one account');
    if (!loopback && tls === undefined && !plaintext) {
      problem('tls', `is missing while host is ${host}; give a certificate, or set plaintext: true`);
    }
    for (const [at, { username, passwordFile, passwordHash }] of accounts.entries()) {
      if (byCertificate || passwordFile !== undefined || passwordHash !== undefined) continue;
      const message = `"${username}" must have either passwordFile or passwordHash`;
      context.addIssue({ code: 'custom', path: ['accounts', at], message });
    }
    for (const twice of repeated(accounts.map(({ username }) => username))) {
      problem('accounts', `has the user "${twice}" twice`);
    }
  });

/** A hash that was cut short would be that of many passwords, and of every one without its last part. */
function isScrypt(text: string): boolean {
  const [, ...cost] = SCRYPT.exec(text) ?? [];
  const [N = 0, r = 0, p = 0] = cost.map(Number);
  return N > 1 && r > 0 && p > 0 && Number.isInteger(Math.log2(N)) && 128 * N * r <= SCRYPT_BYTES && p <= 16;
}
